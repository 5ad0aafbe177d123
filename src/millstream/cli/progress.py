"""Progress bars of commands."""

from __future__ import annotations

from millstream.drivers.terminal import Progress, progress_bar, show_progress

__all__ = ["Progress", "progress_bar", "show_progress"]
