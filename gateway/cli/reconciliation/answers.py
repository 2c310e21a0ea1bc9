"""Commands beside what answers them: one event or one dead letter each, never both. Pure."""

from collections.abc import Iterator

from gateway.cli.reconciliation.books import Account, Books
from gateway.cli.reconciliation.records import Asked
from gateway.cli.reconciliation.terms import Difference, Kind, Scope


def of_commands(books: Books, scope: Scope) -> Iterator[Difference]:
    """What commands are not answered, or too often; what nobody asked; what nobody could read."""
    yield from _unread(books, scope)
    yield from _answers(books, scope)
    yield from _undecodable(books)


def _unread(books: Books, scope: Scope) -> Iterator[Difference]:
    """What cannot be understood is answered by one dead letter."""
    for asked in books.unread:
        if scope.takes(asked.at_ms):
            yield from _dead_letters(books, asked, scope, due=True)


def _dead_letters(books: Books, asked: Asked, scope: Scope, due: bool) -> Iterator[Difference]:
    count = books.accounted(asked.place)
    where = f"the command at {asked.place[0]}:{asked.place[1]}"
    if count > 1:
        yield Difference(Kind.EXTRA, asked.key, f"{where} has {count} dead letters", command=asked.id)
    if due and count == 0 and not scope.young(asked.at_ms):
        text = f"{where} cannot be understood and has no dead letter"
        yield Difference(Kind.MISSING, asked.key, text, command=asked.id, moving=True)


def _answers(books: Books, scope: Scope) -> Iterator[Difference]:
    for (key, identity), copies in books.commands.items():
        account = books.accounts.get(key) or Account()
        living = [one for one in copies if books.accounted(one.place) == 0]
        for one in copies:
            if scope.takes(one.at_ms):
                # The same identity with other data is no repeat.
                reused = bool(living) and one.data_hash != living[0].data_hash
                yield from _dead_letters(books, one, scope, due=reused)
        count = account.answers[identity]
        if living and scope.takes(living[0].at_ms) and count == 0:
            yield from _unanswered(living[0], account, scope)
        # That there were too many commands is not remembered, so a repeat is told so again.
        most = len(living) if identity in account.too_many else min(1, len(living))
        if count > most and (living or copies[0].place[0] in scope.whole):
            text = f"{copies[0].type} has {count} answers" + ("" if living else " and a dead letter")
            yield Difference(Kind.EXTRA, key, text, command=identity)
    yield from _answers_to_nobody(books, scope)


def in_flight(books: Books, scope: Scope) -> set[str]:
    """The payments of which a command may rightly be unanswered: what the provider did may be its effect."""
    return {
        key
        for (key, identity), copies in books.commands.items()
        if (books.accounts.get(key) or Account()).answers[identity] == 0
        and any(_may_wait(one, scope) and books.accounted(one.place) == 0 for one in copies)
    }


def _may_wait(asked: Asked, scope: Scope) -> bool:
    return scope.now_ms < asked.until_ms or scope.young(asked.at_ms)


def _unanswered(asked: Asked, account: Account, scope: Scope) -> Iterator[Difference]:
    if _may_wait(asked, scope):
        return
    if account.unknown:
        text = f"{asked.type} has no answer: it is not known what became of {_operations(account)}"
        yield Difference(Kind.UNRESOLVED, asked.key, text, command=asked.id)
    else:
        text = f"{asked.type} has no answer"
        yield Difference(Kind.MISSING, asked.key, text, command=asked.id, moving=True)


def _answers_to_nobody(books: Books, scope: Scope) -> Iterator[Difference]:
    if scope.since_ms is not None or not scope.whole:
        return
    whole_keys = {
        one.key for copies in books.commands.values() for one in copies if one.place[0] in scope.whole
    }
    for key in whole_keys & books.accounts.keys():
        for identity in books.accounts[key].answers:
            if (key, identity) not in books.commands:
                text = "an event answers a command that nobody sent"
                yield Difference(Kind.EXTRA, key, text, command=identity)


def _undecodable(books: Books) -> Iterator[Difference]:
    for (partition, offset), next_offset in books.undecodable:
        if books.accounted((partition, offset)) == 0:
            where = f"{partition}:{offset} to {next_offset - 1}"
            yield Difference(
                Kind.UNRESOLVED, "", f"the commands at {where} cannot be decoded nor were skipped"
            )


def _operations(account: Account) -> str:
    return ", ".join(sorted(set(account.unknown.values())))
