#!/usr/bin/env bash
# Two scenarios for each peer, interleaved, beside those of run_scenarios.sh; one JSON line of wsload for each run in $OUT.
#
#   S6  a reconnect storm: CLIENTS clients, each with a thread of its own, resume after its first event; RESUMED events each
#   S7  long answers: ANSWERS answers of 20 KiB in pieces of 4 bytes, each emitted over a connection of its own and followed over
#       another, at most 16 pieces of each on the way; for SECONDS at most
#
#   BENCH=the folder with peers.sh  PEERS="resumelimit mem"  SCEN="S6 S7"  REPS=3  OUT=results.jsonl  resume_and_answers.sh
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$BENCH/peers.sh"

clients=${CLIENTS:-10000} resumed=${RESUMED:-100} answers=${ANSWERS:-500} seconds=${SECONDS_OF_ANSWERS:-60}
pieces=$((20 * 1024 / 4))
# The same answer in three protocols; the text is a number of four digits, so that each piece is known.
piece='{"type":"message_delta","run_id":"r_1","data":{"message_id":"m_1","text":"{n}"}}'

load() { "${PRE[@]}" "$BENCH/wsload" --label "$scenario:$peer:$repetition" --pid "$PIDS" "$@" 2>>"$RUN/wsload.err"; }

# What is stored before the storm: for each thread one event, and those that are missed.
event_text() { printf '{"n":%d,"d":"%s"}' "$1" "$(printf 'x%.0s' $(seq 70))"; }
batch_of_ours() {
    local number separator=
    printf '{"op":"emit","req":1,"thread_id":"{t}","events":['
    for number in $(seq $((resumed + 1))); do
        printf '%s{"type":"custom","data":{"name":"d","value":%s}}' "$separator" "$(event_text "$number")"
        separator=,
    done
    printf ']}'
}
store() { "$BENCH/wsload" --label fill -t "$clients" --warmup 0 -d 300 --max-s 300 "$@" >"$RUN/fill.json" 2>>"$RUN/wsload.err"; }
storm() {
    # A thousand at once; NATS loses the requests of some then, and those wait for ever.
    local at_once=1000
    [ "$peer" = nats ] && at_once=64
    load -c "$clients" -t "$clients" --parallel $at_once --warmup 0 -d 1 --settle-ms 500 --max-s 300 "${SUB[@]}"
}

fill_ours() {
    store --pub ws://127.0.0.1:7190/v1/stream --pub-header 'Sec-WebSocket-Protocol: agent-events.v1' \
        --pub-expect '"welcome"' --payload '' --tmpl "$(batch_of_ours)" --ack '"op":"emitted"' --pub-inflight 64 \
        --count "$clients" || return
    local cursor
    cursor=$(python3 -c 'import json, urllib.request
answer = urllib.request.urlopen("http://127.0.0.1:7190/v1/threads/0/events?limit=1")
print(json.load(answer)["events"][0]["id"])') || return
    SUB=(--url 'ws://127.0.0.1:7190/v1/stream' --subproto agent-events.v1 --expect '"welcome"'
        --send "{\"op\":\"subscribe\",\"thread_id\":\"{t}\",\"after\":\"$cursor\"}" --expect "\"n\":$((resumed + 1))"
        --expect '"op":"live"' --app-ping '{"op":"ping"}' --app-pong '{"op":"pong"}')
}
fill_mem() { fill_ours; }
fill_proc() { fill_ours; }
fill_disk() { fill_ours; }

start_resumelimit() { bg "$BENCH/resumelimit" 7180 "$resumed" 200; waitport 7180; }
fill_resumelimit() {
    SUB=(--url 'ws://127.0.0.1:7180/' --send resume --expect "\"n\":$resumed" --expect '"op":"live"')
}

# NATS: the events are in a stream on files, and each client has it make a consumer of its own.
fill_nats() {
    local connect='CONNECT {"verbose":false,"pedantic":false,"lang":"c","version":"1.0","protocol":1,"headers":true,"no_responders":true}\r\n'
    store --pub tcp://127.0.0.1:7133 --pub-expect 'INFO ' --pub-send "${connect}SUB _IB 1\r\nPING\r\n" --pub-expect PONG \
        --size 190 --tmpl 'PUB t.{t5} _IB {len}\r\n{payload}\r\n' --ack '"seq":' --pub-inflight 512 \
        --count $((clients * resumed)) || return
    local consumer='{"stream_name":"EV","config":{"deliver_subject":"d.{t5}","filter_subject":"t.{t5}","deliver_policy":"all","ack_policy":"none"}}'
    # Five digits stand for the four characters of {t5}.
    local length=$((${#consumer} + 2))
    SUB=(--url 'ws://127.0.0.1:7132/' --expect 'INFO '
        --sendb "${connect}SUB d.{t5} 1\r\nPUB \$JS.API.CONSUMER.CREATE.EV r.{t5} $length\r\n$consumer\r\n" --expect "\"n\":$resumed,"
        --app-ping 'PING\r\n' --app-pong 'PONG\r\n' --app-pong-bin)
}

# Centrifuge: its history has 100 messages of each channel for a minute.
fill_centrifuge() {
    store --pub 'http://127.0.0.1:7150/publish?t={t}' --pubs 4 --pub-inflight 256 --size 190 --count $((clients * resumed)) || return
    SUB=(--url 'ws://127.0.0.1:7150/connection/websocket' --send '{"id":1,"params":{}}' --expect '"id":1'
        --send '{"id":2,"method":1,"params":{"channel":"t{t}","recover":true,"offset":0}}' --expect "\"n\":$resumed,")
}

# S7: what S1 and S2 send and expect, with these events, and a connection for each answer.
answers_ours() {
    SUB=(--url 'ws://127.0.0.1:7190/v1/stream' --subproto agent-events.v1 --expect '"welcome"'
        --send '{"op":"subscribe","thread_id":"{t}","after":"now","merge":false}' --expect '"op":"live"'
        --app-ping '{"op":"ping"}' --app-pong '{"op":"pong"}')
    PUB=(--pub ws://127.0.0.1:7190/v1/stream --pub-header 'Sec-WebSocket-Protocol: agent-events.v1'
        --pub-expect '"welcome"'
        --pub-send '{"op":"emit","req":1,"thread_id":"{t}","events":[{"type":"agent_started","run_id":"r_1","agent":"a","data":{}}]}'
        --pub-expect '"op":"emitted"' --payload "$piece" --size 1
        --tmpl '{"op":"emit","thread_id":"{t}","events":[{payload}]}')
}
answers_of() {
    case $1 in
        mem | proc | disk) answers_ours ;;
        # What the others carry is as large as our event is.
        *)
            "args_$1"
            PUB+=(--payload "${piece%\}},\"d\":\"{pad}\"}" --size 200)
            ;;
    esac
}
answer() {
    load -c "$answers" -t "$answers" "${SUB[@]}" "${PUB[@]}" --pubs "$answers" --marker '"text":"' --no-ts --no-t --seq-base 1000 \
        --window $((answers * 16)) --count $((answers * pieces)) --warmup 0 -d "$seconds" --max-s $((seconds + 60))
}

# One line for the run, whatever becomes of it.
keep() {
    local line
    line=$("$@")
    if [ -n "$line" ]; then echo "$line" >>"$OUT"; else failed 'no result'; fi
}
failed() { printf '{"label":"%s:%s:%s","ok":false,"error":"%s"}\n' "$scenario" "$peer" "$repetition" "$1" >>"$OUT"; }

for repetition in $(seq "${REPS:-3}"); do
    for scenario in ${SCEN:-S6 S7}; do
        for peer in $PEERS; do
            # PEER is for the scripts of the peers.
            PEER=$peer STOP=() PIDS='' SUB=() PUB=()
            case $scenario:$peer in
                S6:nats) PEER=natsjs ;;
                S6:*) declare -F "fill_$peer" >/dev/null || continue ;;
                S7:resumelimit) continue ;;
            esac
            if ! "start_$PEER"; then
                failed 'does not start'
            elif [ "$scenario" = S6 ]; then
                if "fill_$peer"; then keep storm; else failed 'its events are not stored'; fi
            else
                answers_of "$peer"
                keep answer
            fi
            stop_peer
            tail -n 1 "$OUT" | python3 "$BENCH/show.py" | cut -c 1-420 >&2
        done
    done
done
