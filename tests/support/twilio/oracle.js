// SPDX-License-Identifier: Apache-2.0
// Twilio's own library, asked what it signs, what it accepts and what it writes. Started by
// tests/support/twiliooracle.cpp: one question a line on stdin (a JSON object with "ask"), one answer a line on stdout
// ({"answer"} or {"error"}). Ends with stdin.
'use strict';

const fs = require('fs');
const readline = require('readline');
const twilio = require('twilio');
const webhooks = require('twilio/lib/webhooks/webhooks');

const typings = fs.readFileSync(require.resolve('twilio/lib/twiml/VoiceResponse.d.ts'), 'utf8');

/// {element, attributes, text, children} written by the builder, as a program would call it.
function build(parent, {element, attributes, text, children})
{
    const method = element[0].toLowerCase() + element.slice(1);
    const node = text === undefined ? parent[method](attributes || {}) : parent[method](attributes || {}, text);
    for (const child of children || [])
        build(node, child);
}

const asked = {
    sign: ({token, url, params}) => webhooks.getExpectedTwilioSignature(token, url, params),
    validate: ({token, signature, url, params}) => twilio.validateRequest(token, signature, url, params),
    validateBody: ({body, hash}) => twilio.validateBody(body, hash),
    validateWithBody: ({token, signature, url, body}) =>
        twilio.validateRequestWithBody(token, signature, url, body),
    twiml: ({verbs}) => {
        const response = new twilio.twiml.VoiceResponse();
        for (const verb of verbs)
            build(response, verb);
        return response.toString();
    },
    /// The attributes that the library's typings know for an element, and the words that each takes (none: any text).
    attributes: ({element}) => {
        const known = {};
        const shape = new RegExp(`interface ${element}Attributes \\{([^}]*)\\}`).exec(typings);
        for (const [, name, type] of shape ? shape[1].matchAll(/^\s*(\w+)\?: ([^;]*);/gm) : []) {
            const words = new RegExp(`type ${type.replace('[]', '')} = ([^;]*);`).exec(typings);
            known[name] = words ? [...words[1].matchAll(/"([^"]*)"/g)].map(word => word[1]) : [];
        }
        return known;
    },
    version: () => require('twilio/package.json').version,
};

readline.createInterface({input: process.stdin}).on('line', line => {
    const question = JSON.parse(line);
    let told;
    try {
        told = {answer: asked[question.ask](question)};
    } catch (error) {
        told = {error: String(error.message)};
    }
    process.stdout.write(JSON.stringify(told) + '\n');
});
