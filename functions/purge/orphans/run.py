"""One run of the sweep for orphans: it goes on with the pass through both tables where the run before has stopped."""

from chatkeep.clock import now, stamp
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.errors import LaterFormatError, StorageUnavailableError
from chatkeep.jobs.due import Keys
from chatkeep.models.scan import Scan
from chatkeep.removal.pace import OutOfTimeError, check_time
from chatkeep.removal.positions import begin_again
from chatkeep.sessions.activity import MovedError
from chatkeep.telemetry import logger, metrics
from functions.purge.orphans import position, reading
from functions.purge.orphans.orphan import Orphan
from functions.purge.orphans.reading import Reader
from functions.purge.orphans.suspicion import Suspicion


class Run:
    """Counts the orphans that were there, and those of them that are repaired."""

    def __init__(self, checkpoints_table: str) -> None:
        self._reader = Reader(checkpoints_table)
        self._jobs: list[Keys] = []
        self.found = self.repaired = 0

    def search(self) -> list[Keys]:
        """Search until the pass, the run's share of the tables' capacity, or its time ends.

        Returns the jobs that are to be carried out for what was found. A page that a run which fails has looked at is
        looked at again, and what was repaired there is no orphan then.
        """
        try:
            scan = position.current()
            while self._page(scan):
                if self._reader.used >= reading.MOST_UNITS:
                    self._leave(scan)
                    break
        except (OutOfTimeError, MovedError):  # the next run goes on, or another one does
            pass
        except LaterFormatError:
            logger.warning("orphans are another version's to look for, which has saved a position")
        finally:
            if self.found:
                metrics.add_metric(name="OrphansFound", unit="Count", value=self.found)
                metrics.add_metric(name="OrphansRepaired", unit="Count", value=self.repaired)
        return self._jobs

    def _page(self, scan: Scan) -> bool:
        """Look at one page; say whether the pass goes on."""
        table, after = position.next_page(scan)
        page, last = self._reader.page(table, after)
        found, repaired = self.found, self.repaired
        for orphan in Suspicion(self._reader).of(table, page):
            self._mend(orphan)
        found, repaired = self.found - found, self.repaired - repaired
        numbers = {"examined": len(page), "found": found, "repaired": repaired}
        if position.move(scan, last, [getattr(Scan, name).add(number) for name, number in numbers.items()]):
            return True
        _tell(scan, numbers)
        return False

    def _leave(self, scan: Scan) -> None:
        """Leave the position to the next run, unless its item is gone by now: it may be the last trace of a user."""
        table, after = position.next_page(scan)
        if after is not None and not self._reader.there(table, after):
            begin_again(scan)

    def _mend(self, orphan: Orphan) -> None:
        about = {"orphan": orphan.kind, **orphan.ids}
        try:
            check_time()
            follows = orphan.repair()
        except OutOfTimeError:
            raise
        except (MovedError, LaterFormatError):
            return
        except (*STORAGE_ERRORS, StorageUnavailableError) as error:
            logger.warning("what may be an orphan is left to the next pass", exc_info=error, extra=about)
            return
        except Exception as error:
            self.found += 1
            logger.error("an orphan was found and not repaired", exc_info=error, extra=about)
            return
        if follows is not None:
            self.found += 1
            self.repaired += 1
            self._jobs += follows
            logger.warning("an orphan was found and repaired", extra=about)


def _tell(scan: Scan, last: dict[str, int]) -> None:
    """One line per pass."""
    sums = {name: int(getattr(scan, name)) + number for name, number in last.items()}
    logger.info("no more orphans", extra={"began_at": scan.began_at or stamp(now()), **sums})
