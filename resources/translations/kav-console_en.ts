<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>kav::console::CallLogPane</name>
    <message numerus="yes">
        <source>Loading more calls after the %n shown…</source>
        <translation>
            <numerusform>Loading more calls after the one shown…</numerusform>
            <numerusform>Loading more calls after the %n shown…</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n call(s) shown; the log cannot be read without the engine.</source>
        <translation>
            <numerusform>%n call shown; the log cannot be read without the engine.</numerusform>
            <numerusform>%n calls shown; the log cannot be read without the engine.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n call(s): the whole log.</source>
        <translation>
            <numerusform>%n call: the whole log.</numerusform>
            <numerusform>%n calls: the whole log.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n call(s) match: the whole log was searched.</source>
        <translation>
            <numerusform>%n call matches: the whole log was searched.</numerusform>
            <numerusform>%n calls match: the whole log was searched.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n call(s) shown; scroll down for older ones.</source>
        <translation>
            <numerusform>%n call shown; scroll down for older ones.</numerusform>
            <numerusform>%n calls shown; scroll down for older ones.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::CallPane</name>
    <message numerus="yes">
        <source>%n turn(s)</source>
        <translation>
            <numerusform>%n turn</numerusform>
            <numerusform>%n turns</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n interruption(s)</source>
        <translation>
            <numerusform>%n interruption</numerusform>
            <numerusform>%n interruptions</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::LiveCallsPane</name>
    <message numerus="yes">
        <source>%1 of %n call(s)</source>
        <translation>
            <numerusform>%1 of %n call</numerusform>
            <numerusform>%1 of %n calls</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n call(s)</source>
        <translation>
            <numerusform>%n call</numerusform>
            <numerusform>%n calls</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::MainWindow</name>
    <message numerus="yes">
        <source>%n live call(s)</source>
        <comment>title of the window</comment>
        <translation>
            <numerusform>%n live call</numerusform>
            <numerusform>%n live calls</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::MessageStrip</name>
    <message numerus="yes">
        <source>and %n more</source>
        <translation>
            <numerusform>and %n more</numerusform>
            <numerusform>and %n more</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::RequestsPane</name>
    <message numerus="yes">
        <source>%n request(s) shown; more cannot be read without the engine.</source>
        <translation>
            <numerusform>One request shown; more cannot be read without the engine.</numerusform>
            <numerusform>%n requests shown; more cannot be read without the engine.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n request(s): all that match.</source>
        <translation>
            <numerusform>One request: all that match.</numerusform>
            <numerusform>%n requests: all that match.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n request(s) shown; scroll down for older ones.</source>
        <translation>
            <numerusform>One request shown; scroll down for older ones.</numerusform>
            <numerusform>%n requests shown; scroll down for older ones.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n refused request(s) only counted</source>
        <translation>
            <numerusform>one refused request only counted</numerusform>
            <numerusform>%n refused requests only counted</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::TestCallDialog</name>
    <message numerus="yes">
        <source>The caller says %n line(s), each when the agent is silent.</source>
        <translation>
            <numerusform>The caller says one line, when the agent is silent.</numerusform>
            <numerusform>The caller says %n lines, each when the agent is silent.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1, %2 samples a second, %n channel(s), %3: as it should be.</source>
        <translation>
            <numerusform>%1, %2 samples a second, %n channel, %3: as it should be.</numerusform>
            <numerusform>%1, %2 samples a second, %n channels, %3: as it should be.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>The agent spoke: %n turn(s).</source>
        <translation>
            <numerusform>The agent spoke: %n turn.</numerusform>
            <numerusform>The agent spoke: %n turns.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::TranscriptView</name>
    <message numerus="yes">
        <source>%n new turn(s)</source>
        <translation>
            <numerusform>%n new turn</numerusform>
            <numerusform>%n new turns</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::WavCheck</name>
    <message numerus="yes">
        <source>The file has %n channel(s): only mono and stereo are read.</source>
        <translation>
            <numerusform>The file has %n channel: only mono and stereo are read.</numerusform>
            <numerusform>The file has %n channels: only mono and stereo are read.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>kav::console::Words</name>
    <message numerus="yes">
        <source>The engine is stopping; %n call(s) hear a goodbye now.</source>
        <translation>
            <numerusform>The engine is stopping; one call hears a goodbye now.</numerusform>
            <numerusform>The engine is stopping; %n calls hear a goodbye now.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>The engine is stopping and takes no new calls; it waits for %n call(s). At %1 those that are left hear a goodbye.</source>
        <extracomment>%1: a time of day</extracomment>
        <translation>
            <numerusform>The engine is stopping and takes no new calls; it waits for one call. At %1 it hears a goodbye if it is left.</numerusform>
            <numerusform>The engine is stopping and takes no new calls; it waits for %n calls. At %1 those that are left hear a goodbye.</numerusform>
        </translation>
    </message>
</context>
</TS>
