"""The prompts of steps that wait for nobody, for whoever has them answered: on an event loop, or without one."""

from collections.abc import Callable, Generator
from functools import partial
from typing import Generic, TypeVar, cast

from langchain_core.messages import AIMessage

from chatkeep.agent.context.summarizing import Prompt

Result = TypeVar("Result")


class Prompts(Generic[Result]):
    """`waiting` is the prompt to have answered, None once the steps have ended and `result` is theirs.

    Each method raises what the steps raise.
    """

    def __init__(self, steps: Generator[Prompt, AIMessage, Result]) -> None:
        self.waiting: Prompt | None = None
        self._result: Result | None = None
        self._steps = steps
        self._go_on(partial(next, steps))

    @property
    def result(self) -> Result:
        return cast("Result", self._result)

    def answer(self, answer: AIMessage) -> None:
        self._go_on(partial(self._steps.send, answer))

    def fail(self, error: Exception) -> None:
        """Tell that there is no answer."""
        self._go_on(partial(self._steps.throw, error))

    def _go_on(self, advance: Callable[[], Prompt]) -> None:
        try:
            self.waiting = advance()
        except StopIteration as end:
            self.waiting, self._result = None, end.value
