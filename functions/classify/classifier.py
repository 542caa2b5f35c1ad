"""Decides the task of an `auto` request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol, get_args

from functions.shared.contracts import GenerateRequest, Task


@dataclass(frozen=True)
class Classification:
    """`confidence` in [0, 1]."""

    task: Task
    confidence: float


class TaskClassifier(Protocol):
    def classify(self, prompt: str) -> Classification: ...


WINDOW_CHARACTERS = 400
"""Instructions stand at the head or the tail of a prompt; what is between is the text to work on."""

_CUES: dict[Task, tuple[tuple[str, float], ...]] = {
    "summarize": (
        (r"\bsummar(y|ies|i[sz]e\w*)\b", 3),
        (
            r"\b(tl;?dr|key (points|takeaways)|main (points|ideas?)|in a nutshell|recap|condense)\b",
            3,
        ),
        (
            r"\b(shorten|boil down|gist|highlights|in (one|two|three|\d+) (sentences?|bullets?))\b",
            2,
        ),
    ),
    "sentiment": (
        (r"\b(sentiment|polarity)\b", 3),
        (r"\b(positive|negative) (or|and|/|,)", 2.5),
        (r"\b(emotions?|mood|how (happy|angry|satisfied)|star rating|tone of (this|the))\b", 2),
    ),
    "rewrite": (
        (r"\b(rewrite|rephrase|paraphrase|reword|proofread|copy-?edit)\b", 3),
        (r"\b(fix|correct) (the |my |any )?(grammar|spelling|typos?)\b", 3),
        (
            r"\bmake (this|it|the \w+) (more |less )?(formal|polite|casual|concise|simple|friendly)",
            3,
        ),
        (r"\b(simplify|more (formal|professional|concise)|passive voice|active voice)\b", 2),
    ),
    "code": (
        (r"```|\bdef \w+\(|\bclass \w+[:({]|#include\b|\bconsole\.log\b|=>|;\s*\n", 2.5),
        (
            r"\b(python|javascript|typescript|java|rust|golang|c\+\+|c#|sql|bash|regex|html|css)\b",
            2,
        ),
        (
            r"\b(function|script|code|bug|compile|stack ?trace|unit tests?|refactor|algorithm|api)\b",
            1.5,
        ),
        (r"\b(SELECT .* FROM|git (commit|rebase|merge)|docker|kubernetes|dockerfile)\b", 2),
    ),
    "analysis": (
        (
            r"\b(analy[sz]e|analysis|compare|contrast|evaluate|assess|pros and cons|trade-?offs?)\b",
            2.5,
        ),
        (r"\b(calculate|how (many|much)|solve|prove|probability|percent|equation|average)\b", 2),
        (r"\b(extract|classify|categori[sz]e|which of the following|true or false|conclude)\b", 2),
        (r"\b(reason|step by step|why does|explain why|infer)\b|\d+\s*[-+*/×]\s*\d+", 1.5),
    ),
    "tools": (
        (r"\b(book|schedule|reserve|cancel|order|remind me|set (a|an|my) (alarm|timer))\b", 2.5),
        (r"\b(weather|forecast|stock price|exchange rate|flight status|latest news)\b", 2.5),
        (
            r"\b(search (for|the web)|look up|turn (on|off)|send (an? )?(email|message|text)|call)\b",
            2,
        ),
        (r"\bmy (calendar|account|balance|bill|credit card|inbox|playlist)\b", 2),
    ),
    "chat": (
        (r"^\s*(hi|hello|hey|thanks|thank you|good (morning|evening))\b", 3),
        (
            r"\b(tell me|what do you think|recommend|advice|suggest|ideas? for|pretend|story|poem)\b",
            2,
        ),
        (r"\b(write (an? |me )?(\w+ )?(story|poem|essay|song|speech|email|letter|joke))\b", 2.5),
        (r"^\s*(who|what|where|when|which|should i|do you|can you|are you)\b", 1),
    ),
}
_PATTERNS: dict[Task, tuple[tuple[re.Pattern[str], float], ...]] = {
    task: tuple((re.compile(pattern, re.IGNORECASE), weight) for pattern, weight in cues)
    for task, cues in _CUES.items()
}
_PRIOR = {task: 1.0 if task == "chat" else 0.2 for task in get_args(Task)}
"""Traffic is mostly chat, so a prompt without any cue is chat, at low confidence."""


class CueWords:
    """Weighs cue words by task. Its confidence is a share of weights and is not calibrated."""

    def classify(self, prompt: str) -> Classification:
        window = prompt[:WINDOW_CHARACTERS] + "\n" + prompt[WINDOW_CHARACTERS:][-WINDOW_CHARACTERS:]
        weights = {
            task: _PRIOR[task] + sum(weight for pattern, weight in cues if pattern.search(window))
            for task, cues in _PATTERNS.items()
        }
        best = max(weights, key=lambda task: weights[task])
        return Classification(best, round(weights[best] / sum(weights.values()), 4))


def decide_task(request: GenerateRequest, classifier: TaskClassifier) -> Classification:
    """The task the caller named, at confidence 1; function specs mean `tools`; else the classifier's."""
    if request.task != "auto":
        return Classification(request.task, 1.0)
    if request.tools:
        return Classification("tools", 1.0)
    return classifier.classify(prompt_of(request))


def prompt_of(request: GenerateRequest) -> str:
    """The text, or the last thing the user said."""
    if request.text is not None:
        return request.text
    said = [message.content or "" for message in request.messages or [] if message.role == "user"]
    return said[-1] if said else ""
