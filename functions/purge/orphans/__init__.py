"""The sweep for orphans: what the tables hold that belongs to nothing, or that nobody will come for.

Every change to a session, its timer and its jobs is one transaction, so that an orphan is a fault: of ours, of whoever
wrote into the tables beside Chatkeep, or of a restored backup. A scan is of no one moment. What it shows is therefore a
suspicion, which a consistent read and the condition of the repair confirm; what does not hold then was no orphan.
"""

from functions.purge.orphans.run import Run as Run
