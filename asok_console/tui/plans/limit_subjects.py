"""The limit of a queue, a task or an argument: what a form states, and what its answers change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from asok_console.presentation.limits import running_words
from asok_core.inspection.argument_paths import ArgumentPath, short_path
from asok_core.inspection.holds import cleaned_reason
from asok_core.inspection.limits import LimitRule, Limits, LimitState, limit_problem, states_of
from asok_core.jobs.limits import parse_limit
from asok_core.operations.catalog.limits import LimitJobs, RemoveLimit


@dataclass(frozen=True, slots=True)
class LimitSubject:
    """What a limit is set on, as a rule without a limit, and the limits that are known."""

    rule: LimitRule
    limits: Limits
    whole: bool = False
    """Whether the limits that code declares were read; before, those that jobs wait for are known."""

    @property
    def key(self) -> str:
        """The argument that the form begins with."""
        return self.rule.key.short if self.rule.key else ""

    @property
    def set_limit(self) -> str:
        """The limit that the form begins with: the one that an operator has set."""
        state = self._state(self.rule)
        return state.rule.limit.text if state is not None and state.rule is not None else ""

    @property
    def set_reason(self) -> str:
        """The reason of that limit."""
        state = self._state(self.rule)
        return state.rule.reason if state is not None and state.rule is not None else ""

    @property
    def is_set(self) -> bool:
        """Whether there is one to reset."""
        return _is_set(self._state(self.rule))

    def about(self, key: str) -> tuple[str, ...]:
        """What is in force now on the subject with this argument, and who set it."""
        if key_problem(key):
            return ()
        rule = self._subject(key)
        return (*self._about(self._state(rule)), *self._beside(rule))

    def problem_of(self, answers: Mapping[str, str]) -> str:
        """Why nothing can be changed by answers that are valid each, or ''."""
        rule = self._chosen(answers)
        if problem := limit_problem(rule):
            return problem
        state = self._state(rule)
        if not rule.limit.text:
            if self.limits.problem or _is_set(state):
                return ""
            return f"no operator has set a limit on {rule.words}: there is none to reset"
        now = state.rule if state is not None else None
        if now is not None and (now.limit, now.reason) == (rule.limit, rule.reason):
            return "this limit is in force already"
        return ""

    def change(self, answers: Mapping[str, str]) -> tuple[LimitJobs | RemoveLimit, tuple[str, ...]]:
        """What sets or resets the limit, and lines that state what it replaces."""
        rule = self._chosen(answers)
        about = self.about(answers.get("key", ""))
        if rule.limit.text:
            reason = (f"reason: {rule.reason}",) if rule.reason else ()
            return LimitJobs(rule), (*about, *reason)
        return RemoveLimit(self._subject(answers.get("key", ""))), about

    def _chosen(self, answers: Mapping[str, str]) -> LimitRule:
        text = answers["limit"]
        subject = self._subject(answers.get("key", ""))
        if not text:
            return subject
        return subject._replace(limit=parse_limit(text), reason=cleaned_reason(answers["reason"]))

    def _subject(self, key: str) -> LimitRule:
        return LimitRule(self.rule.task, self.rule.queue, parse_key(key))

    def _state(self, rule: LimitRule) -> LimitState | None:
        found = states_of(self.limits)
        return next((each for each in found if each.subject.identity == rule.identity), None)

    def _about(self, state: LimitState | None) -> Iterator[str]:
        if self.limits.problem:
            yield f"what operators have set is not known: {self.limits.problem}"
        code = f"{state.declared}, declared in code" if state is not None and state.declared else ""
        unknown = "none that is known" if self.whole else "reading …"
        if state is not None and not state.is_known:
            yield "in force: one of an operator, which this release cannot read"
        elif state is not None and state.rule is not None:
            yield f"in force: {state.rule.limit.text}, {state.rule.made}"
        elif not self.limits.problem:
            yield f"in force: {code or unknown}"
        if _is_set(state) or self.limits.problem:
            yield f"without it: {code or unknown}"
        if state is not None:
            running = running_words(state.limit, state.buckets, keyed=bool(state.subject.key))
            used = f"{running} running, " if running else ""
            yield f"jobs: {used}{state.waiting:,} waiting"

    def _beside(self, rule: LimitRule) -> Iterator[str]:
        """The other limits of the task: all of them bound its jobs."""
        others = list[str]()
        for each in states_of(self.limits):
            subject = each.subject
            if not rule.task or subject.task != rule.task or subject.identity == rule.identity:
                continue
            if each.limit is not None:
                by = f"for each {subject.key.short}" if subject.key else "for all jobs together"
                others.append(f"{each.limit.text} {by}")
        if others:
            yield f"also in force: {'; '.join(others)}"


def _is_set(state: LimitState | None) -> bool:
    return state is not None and (state.rule is not None or not state.is_known)


def text_problem(answer: str) -> str:
    """Why an answer is not a limit, or ''. No answer is valid: it resets the limit."""
    try:
        if answer:
            parse_limit(answer)
    except ValueError as error:
        return str(error)
    return ""


def key_problem(answer: str) -> str:
    """Why an answer does not name an argument, or ''. No answer is valid."""
    if not answer or parse_key(answer) is not None:
        return ""
    return f"{answer!r} is not an argument: a name or a position, as in account_id or 0"


def parse_key(answer: str) -> ArgumentPath | None:
    """The argument that an answer names; None where it names none."""
    found = short_path(answer) if answer else None
    return found[0] if found is not None and found[1] == len(answer) else None
