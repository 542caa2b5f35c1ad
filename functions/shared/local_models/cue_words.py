"""Words that give a task away, each with the weight of its evidence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

WINDOW_CHARACTERS = 300
"""Instructions stand at the head or the tail of a prompt; what is between is the text to work on."""

_LANGUAGES = (
    r"python|java(script)?|typescript|golang|rust|kotlin|c\+\+|c#|\.net|php|perl|scala|haskell|matlab"
    r"|sql|bash|powershell|regex(es|p)?|regular expressions?|html5?|css|xml|json|yaml|latex|vba|verilog"
    r"|assembly|solidity|graphql|markdown|svg|arduino"
)
_TECHNOLOGIES = (
    r"docker(file)?|kubernetes|kubectl|nginx|postgres(ql)?|mysql|mongodb|redis|django|flask|fastapi"
    r"|react(js)?|angular|vue(js)?|next\.?js|node\.?js|npm|webpack|jquery|bootstrap|tailwind|laravel"
    r"|wordpress|pandas|numpy|matplotlib|tensorflow|pytorch|keras|sklearn|opencv|selenium|terraform"
    r"|ansible|jenkins|github|gitlab|git|linux|ubuntu|unix|aws|azure|firebase|xcode|vim|vs ?code|ssh"
    r"|kafka|spark|airflow|unity3d|unreal|excel (formula|macro)|google sheets|spreadsheet formula|leetcode"
)
_PROGRAMMING = (
    r"closures?|mutex|polymorphism|dependency injection|async|await|callbacks?|garbage collection"
    r"|decorators?|hash ?(table|map)|linked lists?|binary (search|tree)|(quick|merge|bubble) ?sort"
    r"|dynamic programming|(primary|foreign) key|(inner|left|outer) join|web ?hooks?|virtual env\w*"
    r"|big o|time complexity|memoization|singleton|design pattern|mvc|tuples?|enums?|null ?pointer"
    r"|overfitting|gradient descent|backpropagation|neural networks?|cors|event loop|race condition"
    r"|multi-?threading|thread.safe|type hints?|microservices?|object.oriented|divs?|navbar|dataframes?"
    r"|merge conflict|last commit|pull request|branch(es)? (in|of)|stdin|stdout|cron ?jobs?|localhost"
    r"|environment variables?|config(uration)? file|log files?|port \d+|file permissions|symlinks?"
    r"|(for|while|nested) loops?|[123]d (list|array)s?|transpose|flexbox|use(state|effect|ref)|jsx?|tsx?"
    r"|schema|json|parse|csv|http|sdk|ide|cli|oauth|jwt|crashloopbackoff|mermaid|excel|google sheets"
)

_CUES: dict[str, dict[str, float]] = {
    "summarize": {
        r"\bsummar(y|ies|i[sz]\w*)\b|\bsynopsis\b|\babstract for\b": 3,
        r"\b(tl;?dr|key (points|takeaways)|main (points?|ideas?)|in a nutshell|recap|condense)\b"
        r"|\btoo long to read\b|\bsum (this|it|that|the \w+) up\b|\bsum up\b": 3,
        r"\b(shorten|boil (it |this )?down|gist|highlights|overview of (this|the)|digest)\b"
        r"|\bin (one|two|three|four|five|\d+)( or \w+)? (short )?(sentences?|bullets?|lines|words)\b": 1.5,
    },
    "sentiment": {
        r"\b(sentiment|polarity)\b": 3.5,
        r"\b(positive|negative)\W{1,3}((or|and|vs\.?|versus) )?\W?(positive|negative|neutral)\b": 3,
        r"\b(emotion(s|al)?( is| are| tone| conveyed| expressed)?|mood|star rating|how many stars)\b"
        r"|\btone of (this|the)\b|\bhow (happy|angry|satisfied|upset)\b"
        r"|\b(customer|reviewer|author|writer|user|person|guest) (is|was|feels?|sounds?|seems?)"
        r" (un)?(happy|satisfied|angry|pleased|upset)\b": 2,
        r"\b(is|was|are|does) (this|the|these) \w*\s?(review|feedback|comment|tweet)s?\b": 2,
    },
    "rewrite": {
        r"\b(re-?write|re-?phrase|paraphras(e|ing)|reword|proof-?read|copy-?edit|restate|humani[sz]e)\b": 3,
        r"\b(fix|correct|check|improve|edit)( (the|my|any|all|this|following|for))*"
        r" (english|grammar\w*|spelling|punctuation|typos?|mistakes|wording|sentence|paragraph)\b": 3,
        r"\bmake (this|it|the( following)? \w+|my \w+)( \w+)?"
        r" (more |less |sound |better|shorter|longer|formal|polite|casual|concise|simple|friendly)": 3,
        r"\b(simplify (this|the) (text|sentence|paragraph|passage)|passive voice|active voice"
        r"|more (formal|professional|concise|polite)|(first|third) person|(past|present) tense)\b": 2,
        r"\b(another way (to say|of saying)|in other words|in (simpler|different) words)\b": 2,
    },
    "code": {
        r"```|\bdef \w+\(|\bclass \w+[:({]|#include\b|\bconsole\.log\b|\bimport \w+( as \w+)?$"
        r"|=>|;\s*\n|\breturn \w+;|\bfunction \w*\(|</\w+>|\bprintf?\(|\{\s*\n|\bpublic (static|class)\b": 2.5,
        rf"(?<![\w.])({_LANGUAGES})(?![\w])": 2,
        rf"(?<![\w.])({_TECHNOLOGIES})(?![\w])": 2,
        rf"\b({_PROGRAMMING})\b": 1.5,
        r"\b(functions?|scripts?|source code|code|bugs?|compil(e|er|ation)|stack ?trace|unit tests?"
        r"|refactor|algorithm|api|endpoint|program(ming)?|debug|developer|software|backend|frontend"
        r"|database|query|website|web ?page|web app|command line|terminal|server|repository|array"
        r"|variable|string|boolean|integer|recursion|loop|class method|exception|library)\b": 1.2,
        r"\bselect .{1,200} from\b|\bgit (commit|rebase|merge|push|pull|clone)\b|--\w+": 2,
        r"\b(write|create|implement|develop|build|code)( \w+){0,3} (function|program|script|class"
        r"|method|query|code|app|website|web ?page|api|algorithm|component|bot|game in)\b": 2,
        r"[=!]==|&&|\|\||\w\(\)|\b[a-z]+_[a-z_]+\b|\b(snake|tetris|pong|tic.tac.toe) game\b": 1.5,
        r"\b\w*(error|exception)\b|\bundefined\b|\bsegmentation fault\b|\berror:": 1.5,
    },
    "analysis": {
        r"\b(analy[sz]e|analysis|compare|comparison|contrast|evaluate|assess|pros and cons"
        r"|differences between|weigh (the|up)|trade-?offs?|advantages and disadvantages"
        r"|strengths and weaknesses|swot)\b": 2.5,
        r"\b(calculate|compute|how (many|much)|solve|prove|probability|percent(age)?|equation"
        r"|average|derivative|integral|matrix|eigen\w+|sum of|area of|volume of|divided by|multipl(y|ied))\b": 2,
        r"\b(extract|classify|categori[sz]e|which (one )?of the following|true or false|conclude"
        r"|label (the|each)|identify|determine (if|whether)|decide (if|whether)|rank|sort)\b": 2,
        r"\b(reason(ing)?|step by step|why does|infer(red)?|entail\w*|contradict\w*|hypothesis"
        r"|premise|according to the|based on the|multiple choice|correct (answer|option))\b"
        r"|\d+\s*[-+*/×]\s*\d+": 1.5,
        r"(?m)^\s*\(?[a-d][.):] ?\S[\s\S]{0,300}^\s*\(?[b-e][.):] ?\S": 2.5,
        r"\b(passage|context|paragraph|question|options|choices|answer)\s*:": 1.5,
        r"\$?\d[\d,.]*\b\D{3,120}\b\d[\d,.]*\b\D{3,160}\b(how|what|find)\b": 1.5,
        r"\b(is|are|does) (the|this) (\w+ )?(sentence|statement|claim|message|email|text|headline)\b"
        r"|\b(hate speech|spam|toxic|clickbait|part.of.speech|keywords|fact.?check|intent of)\b"
        r"|\bwhich (category|option|answer|language|one|row|of these)\b": 1.5,
        r"\b(what is|what's) \$?\d|\bconvert \$?\d|\bnext (number|term)\b|\bhow many times\b"
        r"|\bcount (the|how)\b|\banalog(y|ies)\b|\b(most likely )?diagnosis\b|\bmolar\b|\bif (all|every) "
        r"|\bwhat follows\b|\b(group|order|arrange) (the|these) following\b|\bwhat trend\b"
        r"|\b(relationship|similarities|differences?) between\b|\b(forecast|interpret) \w+"
        r"|\bwho is (the )?(\w+est|older|taller|faster)\b|\bname[ds]? (entit|all the)\w*": 1.5,
    },
    "tools": {
        r"^\W*((please|can you|could you|hey( \w+)?,?|i want you to|i need to|i'd like to) )*"
        r"(book|schedule|reserve|cancel|order|remind me|set|turn (on|off|up|down)|play|pause"
        r"|skip|add|remove|delete|call|text|send|post|pay|transfer|navigate|open|start|stop|lock"
        r"|dim|wake me|check|track|buy|email|freeze|activate|increase|decrease|lower|raise|mute)\b": 1.5,
        r"\b(remind me|set (a|an|my|the) (alarm|timer|reminder|thermostat)|(book|reserve) (a|me|an?)"
        r"|flights? (from|to)|directions to|near (me|by)|nearest|closest|around here)\b": 2.5,
        r"\b(weather|forecast|temperature (in|outside)|stock price|exchange rate|flight status"
        r"|latest (news|headlines)|traffic|opening hours|what time is it|score of)\b": 2.5,
        r"\b(search (for|the (web|internet))|look up|google|send (an? )?(email|message|text)"
        r"|(right now|today('s)?|tonight|tomorrow|last night|this (morning|evening|weekend))"
        r"|next (train|bus|flight|week|month)|who (won|called)|https?)\b": 1,
        r"\bmy (calendar|account|balance|bill|(credit|debit)? ?card|inbox|playlist|bank|order"
        r"|package|phone|shopping list|to-?do list|reservation|meetings?|schedule|pin|paycheck"
        r"|location|lights|alarm|insurance|flight|vacation days|luggage)\b": 2,
        r"\b(available tools?|following (tools|functions)|access to .{0,40}(tools|functions)"
        r"|function call|tool call|<tools?>|\"parameters\"|\"arguments\"|call (these|the) functions)\b": 4,
    },
    "chat": {
        r"^\s*(hi|hello|hey|thanks|thank you|good (morning|evening)|how are you)\b": 2.5,
        r"\b(tell me (a|about|something)|what do you think|recommend|advice|suggest(ions?)?"
        r"|ideas? for|brainstorm|tips|recipe|act as|pretend|imagine|role-?play|you are an?\b)": 2,
        r"\b(write|create|compose|draft|generate|make|give me)( me)?( an?| the| some| \d+)?( [\w-]+){0,3}"
        r" (story|poem|essay|song|lyrics|speech|email|letter|jokes?|dialogue|script for|blog( post)?"
        r"|article|post|tweet|caption|haiku|rap|scene|description|plan|list|names?|slogans?|titles?"
        r"|headlines?|questions|quotes?|reply|response|conversation|review|paragraph about|itinerary)\b": 2.5,
        r"^\s*(who|what|where|when|which|why|should i|do you|are you|have you|is there)\b": 1,
        r"^\s*(how (do|can|does|did|to|should)|explain|describe|discuss|tell me)\b": 1,
        r"\b(my (boy|girl)friend|my (wife|husband|mom|dad|boss|friend)|i feel|i'm feeling)\b": 1.5,
    },
}


@cache
def _patterns() -> Mapping[str, list[tuple[re.Pattern[str], float]]]:
    """Not at import: a request that tells its task needs none of them."""
    return {
        task: [(re.compile(pattern), weight) for pattern, weight in cues.items()]
        for task, cues in _CUES.items()
    }


def cue_weights(prompt: str) -> Mapping[str, float]:
    """The evidence for each task; none where no cue is found."""
    head, tail = prompt[:WINDOW_CHARACTERS], prompt[WINDOW_CHARACTERS:][-WINDOW_CHARACTERS:]
    window = f"{head}\n{tail}".lower()
    return {
        task: sum(weight for pattern, weight in cues if pattern.search(window))
        for task, cues in _patterns().items()
    }
