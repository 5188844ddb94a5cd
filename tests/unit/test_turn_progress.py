"""The messages that a run adds to the thread, step by step."""

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from chatkeep import ids
from chatkeep.clock import now
from chatkeep.turns.events import Opened, StepFinished, ThreadRead, Token
from chatkeep.turns.names import Names
from chatkeep.turns.progress import Progress

steps = st.lists(
    st.tuples(st.sampled_from(["append", "append", "copy", "drop", "replace", "back"]), st.integers(0, 9)), max_size=8
)


def stepped(messages: list[BaseMessage], kind: str, at: int, before: list[BaseMessage]) -> list[BaseMessage]:
    at = at % (len(messages) or 1)
    return {
        "append": [*messages, AIMessage("answer", id=f"{kind} {at} {len(messages)}")],
        "copy": [one.model_copy() for one in messages],
        "drop": [*messages[:at], *messages[at + 1 :]],
        "replace": [*messages[:at], *(one.model_copy() for one in messages[at : at + 1]), *messages[at + 1 :]],
        "back": [*messages, *before[at : at + 1]],  # a message that was dropped before comes again
    }[kind]


@given(st.integers(0, 5), steps)
def test_new_is_what_was_not_there_before(count: int, history: list[tuple[str, int]]) -> None:
    before: list[BaseMessage] = [HumanMessage("said", id=f"{number}") for number in range(count)]
    progress, messages = Progress(), before
    progress.hear(ThreadRead(before))
    for kind, at in history:
        messages = stepped(messages, kind, at, before)
        progress.hear(StepFinished(list(messages)))
        known = {one.id for one in before}
        assert progress.after == messages
        assert progress.new == [one for one in messages if one.id not in known]


def test_what_a_step_adds_is_mended_where_it_is() -> None:
    progress, answer = Progress(), AIMessage("half a pair: \ud800", id="1")
    progress.hear(ThreadRead([HumanMessage("said", id="0")]))
    progress.hear(StepFinished([*progress.after, answer]))
    assert answer.content == "half a pair: \ufffd"


def test_each_message_is_mended_though_its_place_in_memory_was_that_of_another() -> None:
    progress = Progress()
    progress.hear(ThreadRead([]))
    for number in range(50):
        progress.hear(StepFinished([AIMessage(f"{number} \ud800", id=f"{number}")]))
        assert progress.new[0].content == f"{number} \ufffd"


pieces = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.text(max_size=5)), max_size=20)


@given(pieces, st.sets(st.sampled_from(["a", "b", "c"])))
def test_the_words_that_are_kept_are_those_of_the_answers_that_no_step_has_finished(
    told: list[tuple[str, str]], finished: set[str]
) -> None:
    progress, question = Progress(), HumanMessage("said", id=ids.new())
    progress.hear(Opened([question], Names([str(question.id)]), now()))
    progress.hear(ThreadRead([]))
    for name, text in told:
        progress.hear(Token(name, text))
    done = [ToolMessage("done", tool_call_id=name, id=name) for name in sorted(finished)]
    progress.hear(StepFinished([question, *done]))
    *kept, last = progress.kept()
    assert kept == [question, *done]
    words = {name: "".join(text for of, text in told if of == name) for name in dict(told)}
    assert last.text == "".join(words[name] for name in words if name not in finished)
    assert progress.has_said_something() == bool(finished or any(words.values()))
