"""What each client of many was given, and what each could have had a right to: judged after the fact, by nothing of the product.

All times are those of one clock. A change of rights takes effect at some moment between its request and its answer; an event was written
at some moment between what it needs (its emission, the subscription, the last ping that was answered before it on its connection) and its
arrival. An event is wrong when its reader had no right in any moment of that time, or in the second before it, which the service has for a
change to reach every connection.
"""

import bisect

from thread_reader import Fault

# SECURITY 5.4.
PROMISE_SECONDS = 1.0
# A connection that begins with credentials at their end has these.
GRACE_SECONDS = 5.0
# The service reads whole milliseconds of the same clock.
CLOCK_SECONDS = 0.005
FOREVER = float("inf")


class Rights:
    """Who may read which thread when, at the most: a list of (from, until) for each."""

    def __init__(self):
        self.owners = {}
        self.spans = {}

    def own(self, thread, user):
        self.owners[thread] = user

    def granting(self, thread, user, now):
        """A request that makes somebody a member is on its way: from now on it may have been done."""
        spans = self.spans.setdefault((thread, user), [])
        if not spans or spans[-1][1] != FOREVER:
            spans.append([now, FOREVER])

    def removed(self, thread, user, now):
        """A request that ends it was answered: it was done at the latest now."""
        spans = self.spans.get((thread, user))
        if spans and spans[-1][1] == FOREVER:
            spans[-1][1] = now

    def of(self, thread, user):
        if self.owners.get(thread) == user:
            return [(0.0, FOREVER)]
        return self.spans.get((thread, user), [])


class Token:
    """A credential of a user: it may count from its making to its end, or to the answer to its revocation."""

    def __init__(self, user, made, end, threads=()):
        self.user, self.made, self.end, self.threads = user, made, end, frozenset(threads)
        self.revoked = FOREVER

    def until(self, accepted):
        """`accepted`: when it was sent to the service by the latest."""
        return min(self.revoked, max(self.end, accepted + GRACE_SECONDS) + CLOCK_SECONDS)


class Connection:
    """The credentials of a connection, each from when it was sent until the next one was taken for certain."""

    def __init__(self, name, token, now):
        self.name, self.user = name, token.user
        self.tokens = [[token, now, FOREVER, FOREVER]]
        self.subscriptions = {}
        # Whatever comes now was written after this.
        self.heard = now
        self.pings = {}
        self.events = 0

    def opened(self, now):
        """The service has taken the first token."""
        self.tokens[0][3] = now

    def refreshing(self, token, now):
        self.tokens.append([token, now, FOREVER, FOREVER])

    def refreshed(self, token, now):
        """What was there before counts no longer."""
        for entry in self.tokens:
            if entry[0] is not token and entry[1] <= self.sent(token):
                entry[2] = min(entry[2], now)
            elif entry[0] is token:
                entry[3] = now

    def refused(self, token):
        self.tokens = [entry for entry in self.tokens if entry[0] is not token]

    def sent(self, token):
        return next(entry[1] for entry in self.tokens if entry[0] is token)

    def ping(self, number, now):
        self.pings[number] = now

    def pong(self, number):
        self.heard = max(self.heard, self.pings.pop(number, 0))

    def may_read(self, rights, thread, begin, end):
        """Whether it may have had the right in any moment from `begin` to `end`."""
        for token, sent, replaced, accepted in self.tokens:
            since = max(begin, sent, token.made)
            last = min(end, replaced, token.until(end if accepted == FOREVER else accepted))
            if since > last:
                continue
            if thread in token.threads:
                return True
            if any(max(since, granted) <= min(last, removed) for granted, removed in rights.of(thread, self.user)):
                return True
        return False


class Subscription:
    """One subscription of a connection: where it is in its thread."""

    def __init__(self, sent):
        self.sent = sent
        # The number of the last event that it has, or None: any may come next.
        self.position = None
        self.is_answered = False


class Judge:
    """Takes what comes, in the order in which it comes on each connection."""

    def __init__(self, rights):
        self.rights = rights
        self.emitted = {}
        self.faults = []
        self.counts = dict.fromkeys(
            ["events", "live", "replayed", "silent", "resets", "ended", "withheld", "states"], 0)

    def emitting(self, thread, number, now):
        """The earliest moment in which event `number` of a thread can have been there: events are emitted one batch after the other."""
        self.emitted.setdefault(thread, []).append((number, now))

    def _since(self, thread, number):
        batches = self.emitted.get(thread, [])
        place = bisect.bisect_right(batches, (number, FOREVER)) - 1
        return batches[place][1] if place >= 0 else 0.0

    def fault(self, text):
        self.faults.append(text)

    def subscribing(self, connection, thread, now):
        connection.subscriptions[thread] = Subscription(now)

    def unsubscribed(self, connection, thread):
        connection.subscriptions.pop(thread, None)
        self.counts["ended"] += 1

    def subscribed(self, connection, thread, after, head, now):
        """The answer to a subscription. Whoever may not read is told what is told of a thread without events."""
        subscription = connection.subscriptions.get(thread)
        if subscription is None:
            return self.fault(f"{connection.name}: an answer about {thread}, which it does not follow")
        subscription.is_answered = True
        subscription.position = after if head is not None else None
        if head is None:
            self.counts["silent"] += 1
        else:
            self._check_right(connection, thread, subscription.sent, now, f"the head of {thread}")

    def reset(self, connection, thread, oldest, now):
        """Whoever may not read is told that there is no such history: nothing is the oldest of it."""
        self.counts["resets"] += 1
        subscription = connection.subscriptions.get(thread)
        if subscription is None:
            return self.fault(f"{connection.name}: a reset of {thread}, which it does not follow")
        subscription.position = None
        if oldest is not None:
            self._check_right(connection, thread, subscription.sent, now, f"the oldest event of {thread}")

    def state(self, connection, thread, position, now):
        """A snapshot up to an event; None for that of a thread without events, which says nothing."""
        self.counts["states"] += 1
        subscription = connection.subscriptions.get(thread)
        if subscription is None:
            return self.fault(f"{connection.name}: a state of {thread}, which it does not follow")
        subscription.position = position
        if position is not None:
            self._check_right(connection, thread, subscription.sent, now, f"the state of {thread}")

    def event(self, connection, thread, number, now):
        self.counts["events"] += 1
        connection.events += 1
        subscription = connection.subscriptions.get(thread)
        if subscription is None:
            return self.fault(f"{connection.name}: event {number} of {thread}, which it does not follow")
        if not subscription.is_answered:
            return self.fault(f"{connection.name}: event {number} of {thread} before its subscription was answered")
        if subscription.position is not None:
            if number <= subscription.position:
                self.fault(f"{connection.name}: event {number} of {thread} again, it had {subscription.position}")
            elif number > subscription.position + 1:
                self.fault(f"{connection.name}: event {number} of {thread} after {subscription.position}: a gap")
        subscription.position = number
        since = max(subscription.sent, self._since(thread, number))
        self._check_right(connection, thread, since, now, f"event {number} of {thread}")

    def _check_right(self, connection, thread, since, now, what):
        begin = max(since, connection.heard) - PROMISE_SECONDS
        if not connection.may_read(self.rights, thread, begin, now):
            self.fault(
                f"{connection.name} of {connection.user} was given {what} {now - begin - PROMISE_SECONDS:.2f} s after the time "
                f"in which it was written, and had no right to it from {PROMISE_SECONDS:.0f} s before")

    def ends(self, connection, thread, head):
        """At the end: whoever has the right has everything, and whoever has none has nothing further."""
        subscription = connection.subscriptions.get(thread)
        if subscription is None or subscription.position == head:
            return
        self.fault(f"{connection.name} of {connection.user} has {subscription.position} of {thread}, and there are {head}")

    def check(self):
        if self.faults:
            more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
            raise Fault(self.faults[0] + more)


def check_end(reason, tokens, now):
    """A connection is closed because its credentials have ended, and for nothing else."""
    if "4401 auth.expired" in reason:
        if min(token.end for token in tokens) > now + 1:
            raise Fault(f"a connection is closed as expired {min(token.end for token in tokens) - now:.1f} s too early")
    elif "4401 auth.revoked" in reason:
        if not any(getattr(token, "is_revoking", False) for token in tokens):
            raise Fault("a connection is closed as revoked, and its token is not")
    else:
        raise Fault(f"a connection is closed with {reason}")


def check_world(counts):
    """A world in which something never happened would prove nothing about it."""
    never = [name for name, count in counts.items() if count == 0]
    if never:
        raise Fault(f"never happened: {', '.join(never)}")
