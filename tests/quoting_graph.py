"""A graph such as a deployment might have: its tool puts what it is told wherever it can."""

import logging
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from pydantic import BaseModel


class Shape(BaseModel):
    number: int


@tool
def quote(words: str) -> str:
    """Tells the words that it is given in each way in which a library might, and fails with them."""
    logging.getLogger("a.library").warning("cannot take %s", words)
    logging.getLogger("a.library").error("task failed\nresult: %s", words, exc_info=ValueError(words))
    Shape.model_construct(number=words).model_dump()  # warns, and quotes what it found
    raise ValueError(words)


@tool
def measure(words: str) -> int:
    """Counts the characters of the words, and has a library say so."""
    logging.getLogger("a.library").warning("measured %s", words)
    return len(words)


def quoting(model: Any, system_prompt: str, checkpointer: Any) -> Any:
    """A graph of a deployment whose tool puts what it is told into an error."""
    return create_agent(model, tools=[quote, measure], system_prompt=system_prompt, checkpointer=checkpointer)
