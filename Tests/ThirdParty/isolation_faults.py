"""Planted faults for the judge of isolation_history.py: it finds each of them, and nothing in what is right."""

from isolation_history import Connection, Judge, Rights, Token, check_end, check_world
from self_test import check_broken
from thread_reader import Fault


def planted(body):
    """A small world with one reader, in which something is wrong."""
    rights = Rights()
    rights.own("t_1", "u_1")
    judge = Judge(rights)
    for number in range(1, 20):
        judge.emitting("t_1", number, 100.0 + number)
    reader = Connection("u_2/0", Token("u_2", 100, 200), 100.0)
    reader.opened(100.0)
    body(judge, rights, reader)
    judge.check()
    if not judge.counts["events"]:
        raise Fault("nothing was given")


def follow(judge, reader, after=0, now=100.5, thread="t_1"):
    judge.subscribing(reader, thread, now)
    judge.subscribed(reader, thread, after, "1-9", now)


def member(judge, rights, reader, removed=None):
    rights.granting("t_1", "u_2", 100.0)
    follow(judge, reader)
    if removed:
        rights.removed("t_1", "u_2", removed)


def self_test():
    def good(judge, rights, reader):
        member(judge, rights, reader, removed=103.0)
        # The last two are within the second that the service has.
        for number in range(1, 5):
            judge.event(reader, "t_1", number, 100.1 + number)
        # A subscription without a right is silent, and continues where it was once there is one.
        rights.granting("t_1", "u_2", 110.0)
        judge.event(reader, "t_1", 5, 110.1)
        # It was written before the token ended, and came late.
        judge.event(reader, "t_1", 6, 250.0)

    def replaced(judge, rights, reader):
        member(judge, rights, reader)
        token = Token("u_2", 190, 400)
        reader.refreshing(token, 190.0)
        reader.refreshed(token, 190.5)
        reader.ping(1, 300.0)
        reader.pong(1)
        judge.event(reader, "t_1", 1, 300.1)

    def listed(judge, rights, reader):
        reader.tokens[0][0].threads = frozenset(["t_1"])
        follow(judge, reader)
        judge.event(reader, "t_1", 1, 101.1)

    for body in (good, replaced, listed):
        planted(body)
    check_world({"one": 1})
    check_end("4401 auth.expired", [Token("u", 0, 50)], 50)

    def nobody(judge, rights, reader):
        judge.subscribing(reader, "t_1", 100.5)
        judge.subscribed(reader, "t_1", None, None, 100.6)
        judge.event(reader, "t_1", 3, 103.1)

    def too_late(judge, rights, reader):
        member(judge, rights, reader, removed=103.0)
        reader.subscriptions["t_1"].position = 4
        judge.event(reader, "t_1", 5, 105.1)

    def old_page(judge, rights, reader):
        # An old event: only the ping before it says when it was written.
        member(judge, rights, reader, removed=103.0)
        reader.ping(1, 105.0)
        reader.pong(1)
        judge.event(reader, "t_1", 1, 105.1)

    def before_the_right(judge, rights, reader):
        judge.subscribing(reader, "t_1", 100.5)
        judge.subscribed(reader, "t_1", None, None, 100.6)
        judge.event(reader, "t_1", 1, 101.5)
        rights.granting("t_1", "u_2", 102.0)

    def expired(judge, rights, reader):
        rights.own("t_1", "u_2")
        follow(judge, reader)
        judge.emitting("t_1", 20, 202.0)
        reader.subscriptions["t_1"].position = 19
        judge.event(reader, "t_1", 20, 202.1)

    def revoked(judge, rights, reader):
        rights.own("t_1", "u_2")
        reader.tokens[0][0].revoked = 103.0
        follow(judge, reader)
        reader.subscriptions["t_1"].position = 4
        judge.event(reader, "t_1", 5, 105.1)

    def listed_before(judge, rights, reader):
        reader.tokens[0][0].threads = frozenset(["t_1"])
        token = Token("u_2", 101, 400)
        reader.refreshing(token, 101.0)
        reader.refreshed(token, 101.5)
        follow(judge, reader, after=3)
        judge.event(reader, "t_1", 4, 104.1)

    def gap(judge, rights, reader):
        member(judge, rights, reader)
        judge.event(reader, "t_1", 1, 101.1)
        judge.event(reader, "t_1", 3, 103.1)

    def again(judge, rights, reader):
        member(judge, rights, reader)
        judge.event(reader, "t_1", 1, 101.1)
        judge.event(reader, "t_1", 1, 101.2)

    def not_followed(judge, rights, reader):
        rights.own("t_1", "u_2")
        judge.event(reader, "t_1", 1, 101.1)

    def head_told(judge, rights, reader):
        follow(judge, reader)

    def reset_told(judge, rights, reader):
        judge.subscribing(reader, "t_1", 100.5)
        judge.subscribed(reader, "t_1", None, None, 100.6)
        judge.reset(reader, "t_1", "1-1", 100.7)

    def state_told(judge, rights, reader):
        judge.subscribing(reader, "t_1", 100.5)
        judge.subscribed(reader, "t_1", None, None, 100.6)
        judge.state(reader, "t_1", 5, 100.7)

    def incomplete(judge, rights, reader):
        member(judge, rights, reader)
        judge.event(reader, "t_1", 1, 101.1)
        judge.ends(reader, "t_1", 2)

    broken = [
        (name, word, lambda body=body: planted(body))
        for name, word, body in [
            ("an event for somebody without any right", "no right", nobody),
            ("an event two seconds after its reader was put out", "no right", too_late),
            ("a page after its reader was put out", "no right", old_page),
            ("an event before its reader was let in", "no right", before_the_right),
            ("an event after the end of a token", "no right", expired),
            ("an event after a revocation", "no right", revoked),
            ("an event of a thread that only the last token lists", "no right", listed_before),
            ("a gap", "a gap", gap),
            ("a duplicate", "again", again),
            ("an event of a thread that nobody follows", "does not follow", not_followed),
            ("the head of a foreign thread", "the head", head_told),
            ("a reset with the oldest event of a foreign thread", "the oldest", reset_told),
            ("the state of a foreign thread", "the state", state_told),
            ("an event that never comes", "and there are 2", incomplete),
        ]
    ]
    broken += [
        ("a world without revocations", "revoked", lambda: check_world({"revoked": 0, "events": 1})),
        ("a close before the end", "too early", lambda: check_end("4401 auth.expired", [Token("u", 0, 60)], 50)),
        ("a close without revocation", "its token is not", lambda: check_end("4401 auth.revoked", [Token("u", 0, 60)], 50)),
        ("another close", "closed with", lambda: check_end("1011 ", [Token("u", 0, 60)], 50)),
    ]
    return check_broken("isolation", broken)
