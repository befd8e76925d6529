// Written by .ci/page: the files of Sources/AgentEventsServer/Page.

#include "CPage.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char file_0[] = {
#embed "../AgentEventsServer/Page/agent-events-chat-transport.d.ts"
};

static const unsigned char file_1[] = {
#embed "../AgentEventsServer/Page/agent-events-chat-transport.js"
};

static const unsigned char file_2[] = {
#embed "../AgentEventsServer/Page/agent-events-threads.d.ts"
};

static const unsigned char file_3[] = {
#embed "../AgentEventsServer/Page/agent-events-threads.js"
};

static const unsigned char file_4[] = {
#embed "../AgentEventsServer/Page/agent-events.d.ts"
};

static const unsigned char file_5[] = {
#embed "../AgentEventsServer/Page/agent-events.js"
};

static const unsigned char file_6[] = {
#embed "../AgentEventsServer/Page/examples/plain.html"
};

static const unsigned char file_7[] = {
#embed "../AgentEventsServer/Page/examples/plain.js"
};

static const unsigned char file_8[] = {
#embed "../AgentEventsServer/Page/examples/react.html"
};

static const unsigned char file_9[] = {
#embed "../AgentEventsServer/Page/examples/react.js"
};

static const unsigned char file_10[] = {
#embed "../AgentEventsServer/Page/inspector/app.js"
};

static const unsigned char file_11[] = {
#embed "../AgentEventsServer/Page/inspector/banner-view.js"
};

static const unsigned char file_12[] = {
#embed "../AgentEventsServer/Page/inspector/breakpoint.js"
};

static const unsigned char file_13[] = {
#embed "../AgentEventsServer/Page/inspector/client.js"
};

static const unsigned char file_14[] = {
#embed "../AgentEventsServer/Page/inspector/compare-view.js"
};

static const unsigned char file_15[] = {
#embed "../AgentEventsServer/Page/inspector/composer.js"
};

static const unsigned char file_16[] = {
#embed "../AgentEventsServer/Page/inspector/conversation-view.js"
};

static const unsigned char file_17[] = {
#embed "../AgentEventsServer/Page/inspector/core/as-of.js"
};

static const unsigned char file_18[] = {
#embed "../AgentEventsServer/Page/inspector/core/attribution.js"
};

static const unsigned char file_19[] = {
#embed "../AgentEventsServer/Page/inspector/core/divergence.js"
};

static const unsigned char file_20[] = {
#embed "../AgentEventsServer/Page/inspector/core/frames.js"
};

static const unsigned char file_21[] = {
#embed "../AgentEventsServer/Page/inspector/core/history.js"
};

static const unsigned char file_22[] = {
#embed "../AgentEventsServer/Page/inspector/core/link.js"
};

static const unsigned char file_23[] = {
#embed "../AgentEventsServer/Page/inspector/core/ndjson.js"
};

static const unsigned char file_24[] = {
#embed "../AgentEventsServer/Page/inspector/core/order.js"
};

static const unsigned char file_25[] = {
#embed "../AgentEventsServer/Page/inspector/core/query.js"
};

static const unsigned char file_26[] = {
#embed "../AgentEventsServer/Page/inspector/core/question.js"
};

static const unsigned char file_27[] = {
#embed "../AgentEventsServer/Page/inspector/core/refusals.js"
};

static const unsigned char file_28[] = {
#embed "../AgentEventsServer/Page/inspector/core/replay.js"
};

static const unsigned char file_29[] = {
#embed "../AgentEventsServer/Page/inspector/core/scale.js"
};

static const unsigned char file_30[] = {
#embed "../AgentEventsServer/Page/inspector/core/spans.js"
};

static const unsigned char file_31[] = {
#embed "../AgentEventsServer/Page/inspector/core/swift-literal.js"
};

static const unsigned char file_32[] = {
#embed "../AgentEventsServer/Page/inspector/core/swift-pattern.js"
};

static const unsigned char file_33[] = {
#embed "../AgentEventsServer/Page/inspector/core/swift-test.js"
};

static const unsigned char file_34[] = {
#embed "../AgentEventsServer/Page/inspector/core/time.js"
};

static const unsigned char file_35[] = {
#embed "../AgentEventsServer/Page/inspector/core/words.js"
};

static const unsigned char file_36[] = {
#embed "../AgentEventsServer/Page/inspector/detail-view.js"
};

static const unsigned char file_37[] = {
#embed "../AgentEventsServer/Page/inspector/dom.js"
};

static const unsigned char file_38[] = {
#embed "../AgentEventsServer/Page/inspector/events-view.js"
};

static const unsigned char file_39[] = {
#embed "../AgentEventsServer/Page/inspector/example.ndjson"
};

static const unsigned char file_40[] = {
#embed "../AgentEventsServer/Page/inspector/form.js"
};

static const unsigned char file_41[] = {
#embed "../AgentEventsServer/Page/inspector/frames-view.js"
};

static const unsigned char file_42[] = {
#embed "../AgentEventsServer/Page/inspector/icon.svg"
};

static const unsigned char file_43[] = {
#embed "../AgentEventsServer/Page/inspector/index.html"
};

static const unsigned char file_44[] = {
#embed "../AgentEventsServer/Page/inspector/json-view.js"
};

static const unsigned char file_45[] = {
#embed "../AgentEventsServer/Page/inspector/keys.js"
};

static const unsigned char file_46[] = {
#embed "../AgentEventsServer/Page/inspector/layout.css"
};

static const unsigned char file_47[] = {
#embed "../AgentEventsServer/Page/inspector/listing.js"
};

static const unsigned char file_48[] = {
#embed "../AgentEventsServer/Page/inspector/moves.js"
};

static const unsigned char file_49[] = {
#embed "../AgentEventsServer/Page/inspector/order-view.js"
};

static const unsigned char file_50[] = {
#embed "../AgentEventsServer/Page/inspector/proof-view.js"
};

static const unsigned char file_51[] = {
#embed "../AgentEventsServer/Page/inspector/recordings.js"
};

static const unsigned char file_52[] = {
#embed "../AgentEventsServer/Page/inspector/refusal-view.js"
};

static const unsigned char file_53[] = {
#embed "../AgentEventsServer/Page/inspector/replay-view.js"
};

static const unsigned char file_54[] = {
#embed "../AgentEventsServer/Page/inspector/rows.js"
};

static const unsigned char file_55[] = {
#embed "../AgentEventsServer/Page/inspector/scrub-view.js"
};

static const unsigned char file_56[] = {
#embed "../AgentEventsServer/Page/inspector/service.js"
};

static const unsigned char file_57[] = {
#embed "../AgentEventsServer/Page/inspector/session.js"
};

static const unsigned char file_58[] = {
#embed "../AgentEventsServer/Page/inspector/settings.js"
};

static const unsigned char file_59[] = {
#embed "../AgentEventsServer/Page/inspector/shell.js"
};

static const unsigned char file_60[] = {
#embed "../AgentEventsServer/Page/inspector/spent-view.js"
};

static const unsigned char file_61[] = {
#embed "../AgentEventsServer/Page/inspector/splitter.js"
};

static const unsigned char file_62[] = {
#embed "../AgentEventsServer/Page/inspector/theme.css"
};

static const unsigned char file_63[] = {
#embed "../AgentEventsServer/Page/inspector/threads-view.js"
};

static const unsigned char file_64[] = {
#embed "../AgentEventsServer/Page/inspector/timeline-view.js"
};

static const unsigned char file_65[] = {
#embed "../AgentEventsServer/Page/inspector/views.css"
};

static const unsigned char file_66[] = {
#embed "../AgentEventsServer/Page/inspector/welcome.js"
};

static const struct cpage_file files[] = {
    {"agent-events-chat-transport.d.ts", file_0, sizeof file_0},
    {"agent-events-chat-transport.js", file_1, sizeof file_1},
    {"agent-events-threads.d.ts", file_2, sizeof file_2},
    {"agent-events-threads.js", file_3, sizeof file_3},
    {"agent-events.d.ts", file_4, sizeof file_4},
    {"agent-events.js", file_5, sizeof file_5},
    {"examples/plain.html", file_6, sizeof file_6},
    {"examples/plain.js", file_7, sizeof file_7},
    {"examples/react.html", file_8, sizeof file_8},
    {"examples/react.js", file_9, sizeof file_9},
    {"inspector/app.js", file_10, sizeof file_10},
    {"inspector/banner-view.js", file_11, sizeof file_11},
    {"inspector/breakpoint.js", file_12, sizeof file_12},
    {"inspector/client.js", file_13, sizeof file_13},
    {"inspector/compare-view.js", file_14, sizeof file_14},
    {"inspector/composer.js", file_15, sizeof file_15},
    {"inspector/conversation-view.js", file_16, sizeof file_16},
    {"inspector/core/as-of.js", file_17, sizeof file_17},
    {"inspector/core/attribution.js", file_18, sizeof file_18},
    {"inspector/core/divergence.js", file_19, sizeof file_19},
    {"inspector/core/frames.js", file_20, sizeof file_20},
    {"inspector/core/history.js", file_21, sizeof file_21},
    {"inspector/core/link.js", file_22, sizeof file_22},
    {"inspector/core/ndjson.js", file_23, sizeof file_23},
    {"inspector/core/order.js", file_24, sizeof file_24},
    {"inspector/core/query.js", file_25, sizeof file_25},
    {"inspector/core/question.js", file_26, sizeof file_26},
    {"inspector/core/refusals.js", file_27, sizeof file_27},
    {"inspector/core/replay.js", file_28, sizeof file_28},
    {"inspector/core/scale.js", file_29, sizeof file_29},
    {"inspector/core/spans.js", file_30, sizeof file_30},
    {"inspector/core/swift-literal.js", file_31, sizeof file_31},
    {"inspector/core/swift-pattern.js", file_32, sizeof file_32},
    {"inspector/core/swift-test.js", file_33, sizeof file_33},
    {"inspector/core/time.js", file_34, sizeof file_34},
    {"inspector/core/words.js", file_35, sizeof file_35},
    {"inspector/detail-view.js", file_36, sizeof file_36},
    {"inspector/dom.js", file_37, sizeof file_37},
    {"inspector/events-view.js", file_38, sizeof file_38},
    {"inspector/example.ndjson", file_39, sizeof file_39},
    {"inspector/form.js", file_40, sizeof file_40},
    {"inspector/frames-view.js", file_41, sizeof file_41},
    {"inspector/icon.svg", file_42, sizeof file_42},
    {"inspector/index.html", file_43, sizeof file_43},
    {"inspector/json-view.js", file_44, sizeof file_44},
    {"inspector/keys.js", file_45, sizeof file_45},
    {"inspector/layout.css", file_46, sizeof file_46},
    {"inspector/listing.js", file_47, sizeof file_47},
    {"inspector/moves.js", file_48, sizeof file_48},
    {"inspector/order-view.js", file_49, sizeof file_49},
    {"inspector/proof-view.js", file_50, sizeof file_50},
    {"inspector/recordings.js", file_51, sizeof file_51},
    {"inspector/refusal-view.js", file_52, sizeof file_52},
    {"inspector/replay-view.js", file_53, sizeof file_53},
    {"inspector/rows.js", file_54, sizeof file_54},
    {"inspector/scrub-view.js", file_55, sizeof file_55},
    {"inspector/service.js", file_56, sizeof file_56},
    {"inspector/session.js", file_57, sizeof file_57},
    {"inspector/settings.js", file_58, sizeof file_58},
    {"inspector/shell.js", file_59, sizeof file_59},
    {"inspector/spent-view.js", file_60, sizeof file_60},
    {"inspector/splitter.js", file_61, sizeof file_61},
    {"inspector/theme.css", file_62, sizeof file_62},
    {"inspector/threads-view.js", file_63, sizeof file_63},
    {"inspector/timeline-view.js", file_64, sizeof file_64},
    {"inspector/views.css", file_65, sizeof file_65},
    {"inspector/welcome.js", file_66, sizeof file_66},
};

const struct cpage_file *cpage_files(size_t *count) {
    *count = sizeof files / sizeof files[0];
    return files;
}
