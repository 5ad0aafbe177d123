"""The memory of answers that nobody heard, which processes share."""

from __future__ import annotations

from millstream.server.unheard import Call, Unheard


def test_an_answer_nobody_heard_is_given_once() -> None:
    unheard = Unheard()
    assert not unheard
    first, again, third = (Call(lambda: "the same") for _ in range(3))
    unheard.keep(first, b"first")
    assert unheard
    assert unheard.answer(again, lambda: b"again", adding=True) == b"first"
    assert unheard.answer(third, lambda: b"third", adding=True) == b"third"


def test_what_a_killed_writer_left_half_written_is_forgotten() -> None:
    unheard = Unheard()
    unheard.keep(Call(lambda: "the same"), b"first")
    # The length of before, over other bytes: as when a process is killed between writing the two.
    unheard._memory[8:16] = b"\xc1" * 8
    assert unheard
    assert unheard.answer(Call(lambda: "the same"), lambda: b"anew", adding=True) == b"anew"
    unheard.keep(Call(lambda: "another"), b"kept")
    assert unheard.answer(Call(lambda: "another"), lambda: b"anew", adding=True) == b"kept"
