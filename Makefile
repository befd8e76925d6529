# Build, run and check. `make` alone lists what there is.

.PHONY: help run test browser soak mutations simulate-coverage bench bench-peers bench-plots bench-stages lint format docs screenshots clean

python := .build/venv/bin/python
step := .ci/step
# SwiftPM passes the traits to the compiler in the order of a set, which is another one in each process: without this,
# whatever makes it plan anew compiles everything anew. Programs that are run go without it.
export SWIFT_DETERMINISTIC_HASHING := 1
# Without the index for editors, which a build makes beside its objects: a tenth less work, of which most is packages of others. What is
# built with it is built again, so all recipes leave it out.
program := swift build --disable-index-store --product agent-events
as_usual := env -u SWIFT_DETERMINISTIC_HASHING
# What `make test` runs comes from one build, a debug build with its assertions, in which the product is optimized (see the end of
# Package.swift): the simulation needs the speed, and a release build beside it would take ten minutes more.
checked := .build/checks
checked_build := env SWIFT_AGENT_EVENTS_OPTIMIZED=1 swift build --scratch-path $(checked) --build-tests
checked_simulation := $(checked)/debug/agent-events-simulation
# Runs with what was built so.
with_checked := env -u SWIFT_DETERMINISTIC_HASHING BUILT="$(CURDIR)/$(checked)/debug"
swift_files := Sources Tests Package.swift
documented := AgentEvents AgentEventsFiles AgentEventsFileLog AgentEventsProtocol AgentEventsHub AgentEventsServer \
    AgentEventsTokens AgentEventsClient AgentEventsInProcess AgentEventsPrometheus \
    AgentEventsTracing AgentEventsInterop AgentEventsModels AgentEventsTesting
third_party := rfc6455 bad_input http_field many_threads crash full_disk demo_run tail_client fault_proxy \
    every_cut kill_under_load slow_among_fast herd no_ghosts field_drafts pipelined outside_runs histories \
    webhook_receiver pipes mounted taking_part commands command_input command_crashes restarts operating \
    tls listening deployment tokens abuse isolation timing deletion backups traces heads \
    goodbye server_sent_events watched_threads origins agui_clients ai_sdk_clients socketio_protocol \
    socketio_clients slow_foreign model_stub workers context_values schedules
# Scripts that drive a browser: inspector_page judges what a frame costs, and runs alone; inspector_frames, which takes long, and the
# long self-test of inspector_live are for `make browser`.
browsed := examples hostile_page inspector_live inspector_refusals inspector_protocols event_source socketio_page
browser_self_tests := inspector_page $(filter-out inspector_live,$(browsed))
# Scripts that run beside each other: they measure nothing, and leave most of the machine to each other.
beside := pipelined bad_input field_drafts crash full_disk deletion heads demo_run taking_part commands \
    command_input command_crashes restarts tokens tail_client histories webhook_receiver outside_runs pipes \
    backups operating traces mounted tls listening deployment server_sent_events watched_threads origins \
    agui_clients ai_sdk_clients socketio_protocol socketio_clients slow_foreign workers context_values schedules
# The long checks are of release builds.
release_build := sh -c 'swift build -c release --product agent-events && swift build -c release --product agent-events-simulation'
simulation := .build/release/agent-events-simulation
# Each commit is tried in worlds of its own, and always in the same ones; `make soak` takes others each time.
seed = $$(printf '%d' "0x$$(git rev-parse --short=12 HEAD 2>/dev/null || echo 1)")
soaked := every_cut kill_under_load slow_among_fast slow_foreign herd no_ghosts abuse isolation timing

help:
	@echo 'make run      build the service and start it with the demo agent (arguments: make run arguments="--port 9000")'
	@echo 'make test     set up, lint, build, and run every check there is'
	@echo 'make browser  run the checks of the pages in a browser alone, and all of their self-tests'
	@echo 'make soak     build for speed, simulate for ten minutes, and run the long forms of the checks under faults and'
	@echo '              load: three quarters of an hour at most, and the builds'
	@echo 'make mutations'
	@echo '              break the code in each place of Tests/Mutations, and see that a test or the simulation finds it:'
	@echo '              an hour at most'
	@echo 'make simulate-coverage'
	@echo '              build the simulation with counters, and print how much of the product it runs'
	@echo 'make bench    build for speed, measure, and count instructions and allocations of single operations'
	@echo 'make bench-peers'
	@echo '              build for speed, and measure beside other servers, where the folder with them is'
	@echo 'make bench-plots'
	@echo '              build for speed, and draw what grows with what: .build/plots'
	@echo 'make bench-stages'
	@echo '              build for speed, and count what one event of another program costs, stage by stage'
	@echo 'make lint     check the format of the Swift files'
	@echo 'make format   format the Swift files'
	@echo 'make docs     write the documentation to .docs'
	@echo 'make screenshots'
	@echo '              write pictures of the inspector to .build/screenshots, and those of the README'
	@echo 'make clean    remove what was built (not the data)'

run: .build/setup/build
	@$(program)
	@exec $(as_usual) .build/debug/agent-events serve --demo $(arguments)

# One recipe, so that the steps run one after the other, and each tells how it went.
test: .build/setup/browser
	@rm -f .build/logs/passed
	@$(step) lint swift format lint --strict --parallel --recursive $(swift_files)
	@$(step) 'page' .ci/page --check
	@$(step) schemas $(python) Tests/Schemas/check_schemas.py
	@$(step) 'environment' $(python) Tests/Environment/check_environment.py
	@$(step) 'environment self-test' $(python) Tests/Environment/check_environment.py --self-test
	@$(step) 'trait-less self-test' Tests/TraitlessConsumer/check.sh --self-test
	@$(step) 'trait-less consumer' Tests/TraitlessConsumer/check.sh
	@export STEP_IN_ONE_LINE=1; \
	    $(step) 'schemas self-test' $(python) Tests/Schemas/check_schemas.py --self-test & checked=$$!; \
	    $(step) build $(checked_build); built=$$?; \
	    wait $$checked && exit $$built
	@$(step) 'simulation' $(with_checked) $(checked_simulation) --steps 1000000 --seed $(seed)
	@export STEP_IN_ONE_LINE=1; \
	    $(step) 'races' $(with_checked) $(checked_simulation) --races 4 & races=$$!; \
	    $(step) 'fuzzing' $(with_checked) $(checked_simulation) --fuzz 1000000 --seed $(seed); fuzzed=$$?; \
	    wait $$races && exit $$fuzzed
	@$(step) 'simulation, bugs' $(python) Tests/Mutations/mutations.py --self-test
	@$(step) 'instructions self-test' $(with_checked) $(python) Tests/Bench/count.py --self-test
	@$(step) 'stages self-test' $(python) Tests/Bench/stages.py --self-test
	@$(step) 'instructions' $(with_checked) $(python) Tests/Bench/count.py
	@$(step) 'swift tests' $(with_checked) .ci/swift-tests
	@$(step) 'JavaScript' $(with_checked) .ci/javascript
	@$(step) 'third-party self-tests' $(with_checked) .ci/self-tests $(python) ThirdParty $(third_party)
	@$(step) 'RFC 6455' $(with_checked) $(python) Tests/ThirdParty/rfc6455.py
	@$(step) 'HTTP in the field' $(with_checked) $(python) Tests/ThirdParty/http_field.py
	@$(step) 'many threads' $(with_checked) $(python) Tests/ThirdParty/many_threads.py
	@$(step) 'abuse' $(with_checked) $(python) Tests/ThirdParty/abuse.py
	@$(step) 'isolation' $(with_checked) $(python) Tests/ThirdParty/isolation.py
	@$(step) 'timing' $(with_checked) $(python) Tests/ThirdParty/timing.py
	@$(step) 'every cut' $(with_checked) $(python) Tests/ThirdParty/every_cut.py
	@$(step) 'kill -9 under load' $(with_checked) $(python) Tests/ThirdParty/kill_under_load.py
	@$(step) 'slow among fast' $(with_checked) $(python) Tests/ThirdParty/slow_among_fast.py
	@$(step) 'herd' $(with_checked) $(python) Tests/ThirdParty/herd.py
	@$(step) 'goodbye' $(with_checked) $(python) Tests/ThirdParty/goodbye.py
	@$(step) 'no ghosts' $(with_checked) $(python) Tests/ThirdParty/no_ghosts.py
	@$(with_checked) .ci/lanes $(python) ThirdParty $(beside)
	@if [ -e .build/setup/without-browser ]; then echo 'browser                left out: it needs packages of Debian'; else \
	    $(step) 'browser self-tests' $(with_checked) .ci/self-tests $(python) Browser \
	        $(browser_self_tests) && \
	    $(step) inspector_page $(with_checked) $(python) Tests/Browser/inspector_page.py && \
	    $(with_checked) .ci/lanes $(python) Browser $(browsed); fi
	@echo "passed: $$(paste -s -d , .build/logs/passed | sed 's/,/, /g')"

# The pages of the service in Chromium.
browser: .build/setup/browser
	@rm -f .build/logs/passed
	@$(step) build $(program)
	@for script in inspector_page inspector_frames $(browsed); do \
	    $(step) "$$script, self-test" $(as_usual) $(python) Tests/Browser/$$script.py --self-test || exit 1; \
	    $(step) "$$script" $(as_usual) $(python) Tests/Browser/$$script.py || exit 1; \
	done
	@echo "passed: $$(paste -s -d , .build/logs/passed | sed 's/,/, /g')"

# A quarter of an hour for the simulation, the fuzzing and a page with live events beside each other, and two minutes for each of the
# others at most; on the interrupt a script ends the services that it started.
soak: .build/setup/browser
	@rm -f .build/logs/passed
	@$(step) 'release build' $(release_build)
	@export STEP_IN_ONE_LINE=1; \
	    $(step) 'simulation, long' $(as_usual) $(simulation) --seconds 600 & simulated=$$!; \
	    $(step) 'live events, long' timeout --signal INT 900 $(as_usual) $(python) Tests/Browser/inspector_frames.py \
	        --long --only growth --binary .build/release/agent-events & lived=$$!; \
	    $(step) 'fuzzing, long' $(as_usual) $(simulation) --fuzz 10000000; fuzzed=$$?; \
	    wait $$simulated || fuzzed=$$?; wait $$lived || fuzzed=$$?; exit $$fuzzed
	@$(step) 'rights, long' $(as_usual) $(simulation) --access 200 --seed $(seed)
	@$(step) 'workers, long' $(as_usual) $(simulation) --workers 200 --seed $(seed)
	@$(step) 'models, long' $(as_usual) $(simulation) --models 200 --seed $(seed)
	@for script in $(soaked); do \
	    $(step) "$$script, long" timeout --signal INT 240 $(as_usual) $(python) Tests/ThirdParty/$$script.py \
	        --long --binary .build/release/agent-events || exit 1; \
	done
	@echo "passed: $$(paste -s -d , .build/logs/passed | sed 's/,/, /g')"

# Builds a copy of the sources with all bugs in it.
mutations: .build/setup/checks
	@rm -f .build/logs/passed
	@$(step) 'seeded bugs' $(as_usual) $(python) Tests/Mutations/mutations.py --copy .build/mutations $(arguments)
	@echo "passed: $$(paste -s -d , .build/logs/passed | sed 's/,/, /g')"

simulate-coverage: .build/setup/build
	@.ci/coverage $(arguments)

bench: .build/setup/checks
	@swift build -c release --product agent-events
	@$(as_usual) .build/release/agent-events bench $(arguments)
	@[ -n '$(arguments)' ] || $(as_usual) python3 Tests/Bench/count.py --show --binary .build/release/agent-events

bench-peers: .build/setup/build
	@swift build -c release --product agent-events
	@exec $(as_usual) .ci/bench-peers $(arguments)

bench-plots: .build/setup/build
	@swift build -c release --product agent-events
	@exec $(as_usual) python3 Tests/Bench/plots.py $(arguments)

bench-stages: .build/setup/checks
	@swift build -c release --product agent-events
	@exec $(as_usual) python3 Tests/Bench/stages.py $(arguments)

lint:
	@.ci/page --check
	@swift format lint --strict --parallel --recursive $(swift_files) && echo 'lint: clean'

format:
	@swift format --in-place --parallel --recursive $(swift_files)

docs: .build/setup/build
	@.ci/docs $(documented)

screenshots: .build/setup/browser
	@$(program)
	@$(as_usual) $(python) Tests/Browser/screenshots.py .build/screenshots \
	    --readme Sources/AgentEventsServer/AgentEventsServer.docc/Resources

clean:
	@rm -rf .build .docs

# Stamps: made again when what they stand for changes.
.build/setup/build: .ci/setup
	@.ci/setup build
	@mkdir -p $(@D) && touch $@

.build/setup/checks: .build/setup/build Tests/requirements.txt
	@.ci/setup checks
	@python3 -m venv .build/venv
	@$(python) -m pip install --quiet --disable-pip-version-check --requirement Tests/requirements.txt
	@$(python) Tests/ThirdParty/socketio_clients.py --set-up
	@echo "set-up: Python packages in .build/venv, and the JavaScript client of Socket.IO"
	@touch $@

.build/setup/browser: .build/setup/checks Tests/Browser/requirements.txt
	@.ci/setup browser
	@$(python) -m pip install --quiet --disable-pip-version-check --requirement Tests/Browser/requirements.txt
	@touch $@
