"""What an import did, or would do."""

from __future__ import annotations

from msgspec import Struct, field


class Summary(Struct):
    """Counts of what was added, and sentences about what was not.

    `problems` name what could not be imported, `notes` what was left as it is on purpose. A run of the target that
    got something new is `extended`; one that lacked nothing is `unchanged`; so are models and versions.
    """

    source: str
    target: str
    dry_run: bool = False
    experiments_created: int = 0
    experiments_merged: int = 0
    runs_created: int = 0
    runs_extended: int = 0
    runs_unchanged: int = 0
    logged_models_created: int = 0
    logged_models_extended: int = 0
    logged_models_unchanged: int = 0
    points: int = 0
    files: int = 0
    bytes: int = 0
    registered_models_created: int = 0
    registered_models_extended: int = 0
    registered_models_unchanged: int = 0
    model_versions_created: int = 0
    model_versions_extended: int = 0
    model_versions_unchanged: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """Runs that were looked at and are now in the target."""
        return self.runs_created + self.runs_extended + self.runs_unchanged

    def note(self, sentence: str) -> None:
        """Keep a sentence about something left as it is; one that was said before is not said again."""
        if sentence not in self.notes:
            self.notes.append(sentence)
