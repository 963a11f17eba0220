// SPDX-License-Identifier: Apache-2.0
#include "tests/app/personatoml.h"

namespace kav::test {

const QByteArray WholePersona = R"(
[tools]
allow_hosts = ["api.example.com"]
[persona.default]
greeting = "Hello."
[persona.night]
numbers = ["+15551230002", "+972501234567"]
language = "he-IL"
greeting = "ערב טוב"
greeting_protected = true
system_prompt = """
You are the night desk.
Be short."""
model = "small"
stt = ["deepgram", "embedded"]
llm = ["openai"]
tts = ["elevenlabs", "google"]
tools = ["end_call", "transfer"]
phrases = ["check in"]
longest_answer = 300
voice = { openai = "alloy", google = "he-IL-Wavenet-A" }
[persona.night.transfer]
manager = "+15551230009"
"front desk" = "+15551230008"
[persona.night.http.price]
description = "The price."
url = "https://API.example.com/price?v=1"
timeout = "5s"
parameters = '{"type": "object", "properties": {"date": {"type": "string"}}, "required": ["date"]}'
[persona.night.http.weather]
description = "The weather."
url = "https://api.example.com/weather"
[persona.night.http.weather.parameters]
type = "object"
required = ["days"]
properties.days = { type = "integer", minimum = 1.5, enum = [1, 2] }
)";

} // namespace kav::test
