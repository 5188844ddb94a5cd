"""The sessions table: one model per entity, all of them on this process's connection."""

from chatkeep.dynamodb.connection import shared
from chatkeep.dynamodb.internals import attach
from chatkeep.models.session import Session
from chatkeep.models.table import SessionsTable

attach(shared(), SessionsTable, with_indexes_of=Session)
