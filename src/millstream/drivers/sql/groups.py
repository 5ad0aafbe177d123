"""Group commit: batches that threads write at the same time share one transaction.

The first thread that comes carries out its own batch at once. Batches that come meanwhile wait, and the thread that
has waited longest carries out all of them together. Each has its own outcome, and gets it after the commit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock, get_ident, main_thread

from sqlalchemy import Connection

from millstream.drivers.sql.transactions import Transactions
from millstream.values import ops
from millstream.values.errors import MillstreamError, Unavailable

# So many batches, or so many points and texts, are carried out together: others wait for the lock meanwhile.
MOST = 256
MOST_ITEMS = 20_000

Apply = Callable[[Connection, Sequence[ops.LogBatch]], list[MillstreamError | None]]


class _Ticket:
    """A batch of a thread that waits."""

    def __init__(self, op: ops.LogBatch) -> None:
        self.op = op
        self.done = False
        self.error: BaseException | None = None
        # Released when the batch is done, or when its thread is to lead.
        self.news = Lock()
        self.news.acquire()


def _passed_on(error: BaseException | None) -> Exception | None:
    if error is None or isinstance(error, Exception):
        return error
    return Unavailable("The write was broken off before it was done. Try again.")


class Groups:
    """Writes batches through `Transactions`."""

    def __init__(self, transactions: Transactions, apply: Apply) -> None:
        """`apply` carries out several batches in one transaction and says for each why it was refused, or None."""
        self._transactions = transactions
        self._apply = apply
        self._lock = Lock()
        self._waiting: deque[_Ticket] = deque()
        self._led = False
        self._inside: set[int] = set()

    def write(self, op: ops.LogBatch) -> None:
        """Carry out `op`; when this returns it is committed, when it raises nothing of it is."""
        thread = get_ident()
        # A signal handler or a finalizer may write in the middle of a write of its own thread, and must not wait for
        # it. Signals come to the main thread only; it never leads, so that others do not depend on its handlers.
        if thread == main_thread().ident or thread in self._inside:
            self._alone(op)
            return
        self._inside.add(thread)
        try:
            self._together([ticket := _Ticket(op)])
        finally:
            self._inside.discard(thread)
        if ticket.error is not None:
            raise ticket.error

    def write_all(self, batches: Sequence[ops.LogBatch]) -> list[Exception | None]:
        """Carry out several, in as few transactions as can be: for each why it was refused, or None once committed."""
        thread = get_ident()
        if thread == main_thread().ident or thread in self._inside:
            return [self._outcome(op) for op in batches]
        tickets = [_Ticket(op) for op in batches]
        self._inside.add(thread)
        try:
            self._together(tickets)
        finally:
            self._inside.discard(thread)
        return [_passed_on(ticket.error) for ticket in tickets]

    def _outcome(self, op: ops.LogBatch) -> Exception | None:
        try:
            self._alone(op)
        except MillstreamError as error:
            return error
        return None

    def _alone(self, op: ops.LogBatch) -> None:
        (error,) = self._transactions.write(
            lambda connection: self._apply(connection, [op]), repeatable=lambda: bool(op.op_id)
        )
        if error is not None:
            raise error

    def _together(self, tickets: list[_Ticket]) -> None:
        """Have `tickets` carried out: by the thread that leads, or by this one when its turn comes."""
        with self._lock:
            self._waiting.extend(tickets)
            leads, self._led = not self._led, True
        raised: BaseException | None = None
        for ticket in tickets:
            if not leads:
                ticket.news.acquire()
            leads = False
            if not ticket.done:
                try:
                    self._lead()
                except BaseException as error:  # noqa: BLE001 — raised below: those that wait count on this thread
                    raised = error
        if raised is not None:
            raise raised

    def _lead(self) -> None:
        """Carry out what waits, this thread's ticket first, and name the next leader."""
        group: list[_Ticket] = []
        try:
            self._carry_out(group)
        except BaseException as error:
            self._take(group)
            for ticket in group:
                if not ticket.done:
                    ticket.error = error
            raise
        finally:
            self._hand_over(group)

    def _hand_over(self, group: list[_Ticket]) -> None:
        with self._lock:
            self._led = bool(self._waiting)
            following = self._waiting[0] if self._waiting else None
        for ticket in group:
            ticket.done = True
            ticket.news.release()
        if following is not None:
            following.news.release()

    def _take(self, group: list[_Ticket]) -> None:
        """Move tickets from the queue to an empty `group`."""
        items = 0
        with self._lock:
            while not group or (self._waiting and len(group) < MOST and items < MOST_ITEMS):
                ticket = self._waiting.popleft()
                items += len(ticket.op.metrics) + len(ticket.op.params) + len(ticket.op.tags)
                group.append(ticket)

    def _carry_out(self, group: list[_Ticket]) -> None:
        applied = False

        def work(connection: Connection) -> list[MillstreamError | None]:
            nonlocal applied
            applied = False
            if not group:
                # Only now: more may have come while this thread waited for its turn.
                self._take(group)
            errors = self._apply(connection, [ticket.op for ticket in group])
            applied = True
            return errors

        try:
            errors = self._transactions.write(work, repeatable=lambda: all(ticket.op.op_id for ticket in group))
        except Exception as error:  # noqa: BLE001 — the border between this thread and those that wait
            self._one_by_one(group, error, in_doubt=applied)
            return
        for ticket, refused in zip(group, errors, strict=True):
            ticket.error = refused

    def _one_by_one(self, group: list[_Ticket], error: Exception, in_doubt: bool) -> None:
        """After the group failed as a whole: find out whose fault it was. Not what may have been committed."""
        if not group:
            self._take(group)
        for ticket in group:
            ticket.error = error
            hopeless = isinstance(error, Unavailable) and not in_doubt
            if len(group) == 1 or hopeless or (in_doubt and not ticket.op.op_id):
                continue
            try:
                self._alone(ticket.op)
                ticket.error = None
            except Exception as own:  # noqa: BLE001 — raised in the thread that waits for it
                ticket.error = own
