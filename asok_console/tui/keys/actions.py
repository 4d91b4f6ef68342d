"""The keys of the console, declared once.

Bindings, footer, help screen and command palette all come from these declarations. An
:class:`Action` names a method ``action_<name>`` of the view, screen or app that has it in its
bindings. The key of an operation is an ``OperatorAction`` (``operations.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from textual.binding import Binding

from asok_core.operations.catalog.summaries import EDIT_DEAD

LISTS = frozenset(
    {"overview", "pending", "delayed", "jobs", "workers", "dead", "activity", "tasks", "held"}
)
JOB_LISTS = frozenset({"pending", "delayed", "jobs", "dead", "held"})


class KeyScope(Enum):
    """Which jobs, queue or worker the key of an operation is about."""

    CHOSEN = "chosen"
    """The marked rows, or the cursor's row where none is marked."""
    MATCHING = "matching"
    """The group or the filter that is shown, or everything."""
    SHOWN = "shown"
    """The marked rows, or what MATCHING is where none is marked."""
    QUEUE = "queue"
    """The queue under the cursor."""
    WORKER = "worker"
    """The worker under the cursor."""
    LIVE_WORKER = "live worker"
    """The worker under the cursor, if it would carry out another shape."""
    OPERATION = "operation"
    """What an earlier operation moved to the trash."""
    SUBJECT = "subject"
    """The job, queue or error group under the cursor, or the job of the page: what a note is on."""
    HOLD = "hold"
    """The hold under the cursor."""
    RULE = "rule"
    """The task of the job or error group under the cursor, or the task or queue: what a hold names."""
    LIMIT = "limit"
    """What RULE is, or the limit under the cursor: what a limit is set on."""
    TRASH = "trash"
    """The trash of the operation under the cursor."""
    LISTED_TRASH = "listed trash"
    """The trash of all operations that are listed."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a key does. ``keys`` are Textual's, comma-separated; the first is shown."""

    name: str
    keys: str
    label: str
    help: str
    group: str
    views: frozenset[str] = frozenset()
    """Where it applies; empty: everywhere."""
    footer: bool = False
    call: str = ""
    """The Textual action, where it is not just the name."""
    priority: bool = False
    """Whether it works while something is being typed as well."""

    @property
    def command(self) -> str:
        """The Textual action that it is."""
        return self.call or self.name

    @property
    def method(self) -> str:
        """The name of its method without ``action_``: what ``check_action`` is asked about."""
        return self.command.removeprefix("app.").partition("(")[0]

    @property
    def binding(self) -> Binding:
        """The binding that runs it."""
        return Binding(
            self.keys,
            self.command,
            self.label,
            show=self.footer,
            tooltip=self.help,
            priority=self.priority,
        )

    @property
    def shown_key(self) -> str:
        """The first key as it is printed on a keyboard."""
        return printed(self.keys.split(",")[0])

    @property
    def all_keys(self) -> str:
        """All its keys, as printed."""
        return " ".join(printed(key) for key in self.keys.split(","))


_PRINTED = {
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "space": "Space",
    "enter": "Enter",
    "escape": "Esc",
    "ctrl+p": "Ctrl+P",
    "ctrl+c": "Ctrl+C",
    "plus": "+",
    "minus": "-",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "down": "↓",
    "up": "↑",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
    "left": "←",
    "right": "→",
    "delete": "Del",
    "equals_sign": "=",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "vertical_line": "|",
    "": "1-9",
}


def printed(key: str) -> str:
    """A key as it is printed on a keyboard, by Textual's name of it."""
    if key.startswith("ctrl+") and key not in _PRINTED:
        return f"Ctrl+{key.removeprefix('ctrl+').upper()}"
    return _PRINTED.get(key, key.upper() if key in ("f1", "f5") else key)


OPEN = Action("open", "enter", "open", "open what the cursor is on", "Move", LISTS,
             footer=True)  # fmt: skip

MOVES = (
    Action("down", "j,down", "down", "one row down", "Move", LISTS, call="move(1)"),
    Action("up", "k,up", "up", "one row up", "Move", LISTS, call="move(-1)"),
    Action("pagedown", "pagedown,ctrl+f", "page down", "one screen down", "Move", LISTS,
           call="page(1)"),
    Action("pageup", "pageup,ctrl+b", "page up", "one screen up", "Move", LISTS, call="page(-1)"),
    Action("first", "g,home", "top", "to the first row", "Move", LISTS),
    Action("last", "G,end", "end", "to the last row", "Move", LISTS),
    OPEN,
)  # fmt: skip
"""What every list understands."""

MARK = Action(
    "mark", "space", "mark", "mark or unmark the row, then move down", "Mark",
    frozenset({"pending", "delayed", "dead", "held"}), footer=True,
)  # fmt: skip
MARK_VISIBLE = Action(
    "mark_visible", "a", "mark visible", "mark the rows on the screen, or unmark them",
    "Mark", frozenset({"pending", "delayed", "dead", "held"}),
)  # fmt: skip
MARKS = (MARK, MARK_VISIBLE)

FILTER = Action(
    "filter", "slash", "filter", "show only what matches: words, queue:high, error:Timeout, "
    "age:>1h, !x", "Show", JOB_LISTS, footer=True,
)  # fmt: skip
MARK_ALL = Action(
    "mark_all", "A", "mark all", "mark all that the filter found", "Mark",
    frozenset({"pending", "delayed", "dead", "held"}),
)  # fmt: skip
NARROWING = (FILTER, MARK_ALL)

TYPING = (
    Action("keep", "enter", "keep the filter", "show what it found", "Show"),
    Action("clear", "escape", "clear it", "show everything again", "Show"),
)
"""What the footer says while a filter is typed; the line for it has the keys itself."""

GROUP = Action(
    "group", "v", "errors", "group the dead jobs by error, or list them one by one",
    "Show", frozenset({"dead"}), footer=True,
)  # fmt: skip
GROUPING = (GROUP,)

COMPOSE = Action(
    "compose", "v", "composition", "count the jobs by task, argument, age or size, or list them",
    "Show", frozenset({"pending", "delayed"}), footer=True,
)  # fmt: skip
COMPOSITION = (COMPOSE,)

COUNT_BY = Action(
    "dimension", "b", "count by",
    "count by something else: task, argument, age, size; dead jobs by worker, release as well",
    "Show", frozenset({"pending", "delayed", "dead"}), footer=True,
)  # fmt: skip
COMPOSING = (COUNT_BY,)
"""What a composition is by."""

FOLD = Action(
    "fold", "v", "slots", "list the workers without their slots, or with them", "Show",
    frozenset({"workers"}), footer=True,
)  # fmt: skip
FOLDING = (FOLD,)

SORT = Action(
    "sort", "s", "sort", "sort by something else", "Show",
    frozenset({"overview", "workers", "dead", "tasks"}), footer=True,
)  # fmt: skip
SORTS = (SORT,)

FINDING = (
    Action("filter", "slash", "filter", "show only what matches: words of the name, queue:high, !x",
           "Show", frozenset({"workers", "tasks", "activity"}), footer=True),
)  # fmt: skip
"""What a list of workers or tasks is narrowed by."""

OVERVIEW_FINDING = (
    Action("find_anywhere", "slash", "find", "find jobs wherever they are, by id, task, error or "
           "argument", "Show", frozenset({"overview"}), call="app.find", footer=True),
    Action("filter_queues", "f", "filter", "show only queues that match: words of the name, "
           "queue:high, !x", "Show", frozenset({"overview"}), footer=True),
)  # fmt: skip
"""What a list of queues is narrowed by, beside the search for jobs."""

DEAD_OF_QUEUE = Action(
    "of_dead", "F", "its dead", "show the dead jobs of the queue (Esc: back)", "Show",
    frozenset({"overview", "pending"}), call="related('dead')", footer=True,
)  # fmt: skip
RELATED = (
    DEAD_OF_QUEUE,
    Action("of_delayed", "L", "its delayed", "show the delayed jobs of the queue (Esc: back)",
           "Show", frozenset({"overview", "pending"}), call="related('delayed')", footer=True),
    Action("of_running", "B", "its running", "show the running jobs of the queue (Esc: back)",
           "Show", frozenset({"overview", "pending"}), call="related('jobs')", footer=True),
    Action("of_workers", "W", "its workers", "show the workers that serve the queue (Esc: back)",
           "Show", frozenset({"overview", "pending"}), call="related('workers')", footer=True),
)  # fmt: skip
"""From a queue to all that belongs to it."""

PLOT_RANGES = (
    Action("range", "right_square_bracket", "range", "plot the next range of time", "Show",
           frozenset({"overview", "delayed"}), footer=True, call="range(1)"),
    Action("range_before", "left_square_bracket", "range before", "plot the range before", "Show",
           frozenset({"overview", "delayed"}), call="range(-1)"),
)  # fmt: skip

TASK_RANGES = (
    Action("range", "right_square_bracket", "range", "count the next range of time", "Show",
           frozenset({"tasks", "task"}), footer=True, call="range(1)"),
    Action("range_before", "left_square_bracket", "range before", "count the range before", "Show",
           frozenset({"tasks", "task"}), call="range(-1)"),
)  # fmt: skip

_OF_TASKS = frozenset({"tasks", "task"})

DEAD_OF_TASK = Action(
    "dead_of_task", "F", "its dead", "show the dead jobs of the task (Esc: back)", "Show",
    _OF_TASKS, call="of_task('dead')", footer=True,
)  # fmt: skip
OF_TASK = (
    DEAD_OF_TASK,
    Action("delayed_of_task", "L", "its delayed", "show the delayed jobs of the task (Esc: back)",
           "Show", _OF_TASKS, call="of_task('delayed')", footer=True),
    Action("running_of_task", "B", "its running", "show the running and recent jobs of the task (Esc: "
           "back)", "Show", _OF_TASKS, call="of_task('jobs')", footer=True),
)  # fmt: skip
"""From a task to its jobs."""

SHOW_PENDING_OF_TASK = Action(
    "pending_of_task", "N", "its pending", "show the pending jobs of the task, in the queue with "
    "most of them (Esc: back)", "Show", frozenset({"task"}), footer=True,
)  # fmt: skip
PENDING_OF_TASK = (SHOW_PENDING_OF_TASK,)
"""The page of a task knows the queues."""

EXPLAIN = Action(
    "why", "w", "why", "explain why the job, queue or worker is as it is", "Show",
    LISTS - {"activity", "tasks"} | {"job"}, footer=True,
)  # fmt: skip
WHY = (EXPLAIN,)

SHOW_STACK = Action(
    "stack", "s", "stack", "show where the code of the running job is now", "Show",
    frozenset({"jobs", "workers", "job"}), footer=True,
)  # fmt: skip
STACK = (SHOW_STACK,)

READS = (
    Action("read_back", "left,h", "read the plot", "read the value before (Esc: no more)", "Show",
           frozenset({"overview", "delayed", "task"}), call="read(-1)"),
    Action("read_on", "right,l", "read the plot", "read the value after", "Show",
           frozenset({"overview", "delayed", "task"}), call="read(1)"),
)  # fmt: skip
"""The cursor of a plot."""

MEASURE = Action(
    "measure", "m", "enqueued/finished", "plot what was enqueued, or what was finished",
    "Show", frozenset({"overview"}), footer=True,
)  # fmt: skip
MEASURES = (MEASURE,)

COMPARING = (
    Action("compare", "c", "compare", "compare each figure with that of 1 h ago, then of yesterday",
           "Show", frozenset({"overview"}), footer=True),
)  # fmt: skip
"""The Overview beside an earlier moment."""

NEXT_QUEUE = Action(
    "turn_on", "right_square_bracket,right,l", "next queue", "show the next queue",
    "Show", frozenset({"pending", "held"}), footer=True, call="turn(1)",
)  # fmt: skip
QUEUE_TURNS = (
    NEXT_QUEUE,
    Action("turn_back", "left_square_bracket,left,h", "previous queue", "show the queue before",
           "Show", frozenset({"pending", "held"}), call="turn(-1)"),
)  # fmt: skip

VIEW_TITLES = {
    "overview": "Overview",
    "pending": "Pending",
    "delayed": "Delayed",
    "jobs": "Jobs",
    "workers": "Workers",
    "dead": "Dead",
    "activity": "Activity",
    "tasks": "Tasks",
    "held": "Held",
}
VIEW_NAMES = tuple(VIEW_TITLES)

HELP = Action("help", "question_mark,f1", "help", "show every key", "Get around", footer=True)
LEAVE = Action("leave", "q", "quit", "go back, or quit at the top", "Get around", footer=True)

FASTER = Action(
    "faster", "plus,equals_sign", "faster", "read from Redis more often", "Show",
    call="pace(0.5)",
)  # fmt: skip
HALT = Action(
    "halt", "x", "stop the action", "stop the bulk operation that was started last", "Act",
    footer=True,
)  # fmt: skip
GLOBAL = (
    *(
        Action(f"view_{name}", str(number), title, f"show {title}", "Show",
               call=f"show_view('{name}')")
        for number, (name, title) in enumerate(VIEW_TITLES.items(), 1)
    ),
    Action("freeze", "p", "freeze", "freeze the display, or resume it", "Show"),
    Action("reread", "f5", "read again", "read from Redis now, and repeat the search", "Show"),
    FASTER,
    Action("slower", "minus", "slower", "read from Redis less often", "Show", call="pace(2)"),
    Action("next_theme", "t", "theme", "dark, light or high contrast", "Show"),
    Action("find", "i", "find a job", "find any job by its id, task or argument, and open it",
           "Get around"),
    HALT,
    HELP,
    Action("command_palette", "ctrl+p,colon", "commands", "find an action by its name",
           "Get around"),
    Action("step_back", "escape", "back", "one level back: close, clear marks, up", "Get around"),
    LEAVE,
    Action("suspend_process", "ctrl+z", "suspend", "back to the shell; fg returns", "Get around"),
    Action("quit", "ctrl+c,ctrl+q", "quit now", "quit at once", "Get around", priority=True),
)  # fmt: skip
"""What is understood everywhere."""

EDIT_ARGUMENTS = Action(
    "edit", "e", "edit", EDIT_DEAD.of_one(), "Act", frozenset({"dead"}),
    footer=True, call="app.edit",
)  # fmt: skip
EDITING = (EDIT_ARGUMENTS,)

COPY_ID = Action("copy_id", "c", "copy id", "copy the job's id", "Act", JOB_LISTS)
COPY_JSON = Action("copy_json", "y", "copy JSON", "copy the job as raw JSON", "Act", JOB_LISTS)
COPIES = (COPY_ID, COPY_JSON)


READING = (
    Action("scroll_down", "j,down", "down", "scroll one line down", "Move", call="scroll(1)"),
    Action("scroll_up", "k,up", "up", "scroll one line up", "Move", call="scroll(-1)"),
    Action("top", "g,home", "top", "scroll to the top", "Move", call="ends(True)"),
    Action("bottom", "G,end", "end", "scroll to the end", "Move", call="ends(False)"),
)  # fmt: skip
"""How the page of a job is read."""

_ON_PAGE = frozenset({"job"})

NEXT_JOB = Action(
    "next_job", "right_square_bracket,right,l", "next job", "show the next job of the list",
    "Move", _ON_PAGE, footer=True, call="turn_page(1)",
)  # fmt: skip
OPEN_ARGUMENTS = Action(
    "open_arguments", "o", "editor", "open the arguments in $EDITOR; those of a dead job "
    "can be changed there, then requeued", "Show", _ON_PAGE, footer=True,
    call="app.open_arguments",
)  # fmt: skip
PAGE_TRACEBACK = Action(
    "page_traceback", "vertical_line", "pager", "show the traceback in $PAGER", "Show",
    _ON_PAGE, footer=True,
)  # fmt: skip
COPY_TRACEBACK = Action(
    "copy_traceback", "Y", "copy traceback", "copy the traceback", "Show", _ON_PAGE,
)  # fmt: skip
SHOW_ALL = Action(
    "show_all", "v", "show all", "show all of the arguments, the result and the traceback",
    "Show", _ON_PAGE, footer=True,
)  # fmt: skip
PAGE = (
    Action("next_section", "tab", "section", "go to the next section", "Move", _ON_PAGE,
           footer=True, call="section(1)"),
    Action("previous_section", "shift+tab", "section before", "go to the section before", "Move",
           _ON_PAGE, call="section(-1)"),
    NEXT_JOB,
    Action("previous_job", "left_square_bracket,left,h", "job before",
           "show the job before in the list", "Move", _ON_PAGE, call="turn_page(-1)"),
    OPEN_ARGUMENTS,
    PAGE_TRACEBACK,
    COPY_TRACEBACK,
    SHOW_ALL,
)  # fmt: skip
"""The further keys of the page of a job."""

_ON_REASONS = frozenset({"why"})

NEXT_REASON = Action(
    "next_reason", "tab", "reason", "choose the next reason", "Move", _ON_REASONS,
    footer=True, call="choose_reason(1)",
)  # fmt: skip
COPY_COMMAND = Action(
    "copy_command", "c", "copy command", "copy the command that the reason advises", "Act",
    _ON_REASONS, footer=True,
)  # fmt: skip
REASONS = (
    NEXT_REASON,
    Action("previous_reason", "shift+tab", "reason before", "choose the reason before", "Move",
           _ON_REASONS, call="choose_reason(-1)"),
    COPY_COMMAND,
)  # fmt: skip
"""The keys of the page that explains something."""


OF_ENTRY = (
    Action("copy_entry", "y", "copy JSON", "copy the operation or the event as JSON", "Act",
           frozenset({"entry"}), footer=True),
)  # fmt: skip
"""The keys of the page of an operation or an event."""


def methods(actions: Iterable[Action]) -> frozenset[str]:
    """The methods of some actions."""
    return frozenset(action.method for action in actions)


def bindings(actions: Iterable[Action]) -> list[Binding]:
    """The bindings of some actions."""
    return [action.binding for action in actions]
