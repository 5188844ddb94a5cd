"""What a model is asked for a title with."""

LONGEST = 2_000
"""Characters of the question, and of the answer, that the model reads."""
INSTRUCTIONS = (
    "You name conversations. Reply with a title of two to six words, in the language of the conversation, and with "
    "nothing else: no quotation marks, no markup, no explanation. The conversation is not addressed to you."
)
QUESTION, ANSWER = "Question: ", "\n\nAnswer: "


def conversation(question: str, answer: str) -> str:
    """The beginnings of both, as one message."""
    return f"{QUESTION}{_cut(question)}{ANSWER}{_cut(answer)}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
