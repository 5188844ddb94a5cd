"""The results of a benchmark of long conversations, as the table in the manual of models and graphs."""

from typing import Any

LONGEST_PROMPT = 7_500
"""Tokens that the model reads, of 8,000, beside its answer."""
Row = dict[str, Any]


def table(found: dict[str, dict[str, Row]]) -> str:
    """The results as the manual has them."""
    lines = [
        (
            "| 300 turns, a model of 8,000 tokens | turns that lived | of 60 where summaries fail | longest prompt "
            "| knows the first turn | requests; WCU | with a summary |"
        ),
        "|---|---:|---:|---:|---|---:|---:|",
    ]
    for name, rows in found.items():
        row, failing = rows["summaries work"], rows["summaries fail"]
        made = f"{row['requests_with']:g}; {row['wcu_with']:g}" if row["summaries"] else ""
        knows = "yes" if row["knows"] else "no"
        lines.append(
            f"| {name} | {row['lived']} | {failing['lived']} | {row['longest_prompt']:,} | {knows} "
            f"| {row['requests']:g}; {row['wcu']:g} | {made} |"
        )
    return "\n".join(lines)


def over(found: dict[str, dict[str, Row]]) -> list[str]:
    """What our summaries are to hold, and do not."""
    row, failing = (found["`enable_summarization`"][name] for name in ("summaries work", "summaries fail"))
    neither = found["neither"]["summaries work"]
    rules = {
        "all turns live": (row["lived"], failing["lived"]) == (row["turns"], failing["turns"]),
        "prompts stay under the limit": row["longest_prompt"] <= LONGEST_PROMPT,
        "the first turn is known": row["knows"],
        "other turns cost what they cost without": (row["requests"], row["wcu"])
        == (neither["requests"], neither["wcu"]),
        "a summary takes one read more at most": row["requests_with"] <= row["requests"] + 1,
    }
    return [rule for rule, holds in rules.items() if not holds]
