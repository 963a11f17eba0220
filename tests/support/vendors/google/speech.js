// SPDX-License-Identifier: Apache-2.0
// Google Cloud Speech v1 on loopback, by the published definition (google-proto-files): what Kav sends is read with the
// real names and numbers. Started by tests/support/vendors/googlespeechserver.cpp, which writes one JSON object a line
// to stdin ({scenario}, {wire}, {reset}) and reads what happens from stdout. Ends with stdin.
'use strict';

const net = require('net');
const path = require('path');
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const published = path.dirname(require.resolve('google-proto-files/package.json'));
const definition = loader.loadSync('google/cloud/speech/v1/cloud_speech.proto',
    {keepCase: true, enums: String, longs: Number, includeDirs: [published]});
const service = definition['google.cloud.speech.v1.Speech'];
const method = service.StreamingRecognize;

// What the published definition does not know would be lost in reading: written again it is then shorter.
let foreign = false;
const read = method.requestDeserialize;
method.requestDeserialize = bytes => {
    const message = read(bytes);
    foreign = foreign || method.requestSerialize(message).length !== bytes.length;
    return message;
};
// A Buffer goes out as it is: garbage.
const write = method.responseSerialize;
method.responseSerialize = message => Buffer.isBuffer(message) ? message : write(message);

const tell = what => process.stdout.write(JSON.stringify(what) + '\n');
const rpc = new protobuf.Root();
rpc.resolvePath = (origin, target) => path.isAbsolute(target) ? target : path.join(published, target);
rpc.loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto']);
// A status with "retryDelay": {"seconds", "nanos"} says so in its details, by the published definitions.
function withDetails(status)
{
    if (!status || !status.retryDelay)
        return status;
    const bytes = (name, value) => {
        const type = rpc.lookupType(name);
        return Buffer.from(type.encode(type.fromObject(value)).finish());
    };
    const value = bytes('google.rpc.RetryInfo', {retryDelay: status.retryDelay});
    const metadata = new grpc.Metadata();
    metadata.set('grpc-status-details-bin', bytes('google.rpc.Status', {code: status.code, message: status.details,
        details: [{type_url: 'type.googleapis.com/google.rpc.Help', value: Buffer.from([0xff])},
            {type_url: 'type.googleapis.com/google.rpc.RetryInfo', value}]}));
    return {code: status.code, details: status.details, metadata};
}
let scenario = {};
let wire = 'normal';
let streams = 0;

function refusal(metadata)
{
    const key = metadata.get('x-goog-api-key')[0];
    if (key !== undefined) {
        return key === 'AIzaStandIn0123456789'
            ? null
            : {code: grpc.status.INVALID_ARGUMENT, details: 'API key not valid. Please pass a valid API key.'};
    }
    if (String(metadata.get('authorization')[0]).startsWith('Bearer ya29.'))
        return null;
    return {code: grpc.status.UNAUTHENTICATED, details: 'Request had invalid authentication credentials.'};
}

function recognize(call)
{
    const number = ++streams;
    const own = scenario;
    const script = [...(own.script || [])];
    const heard = [];
    let length = 0;
    let isOver = false;
    const end = status => {
        isOver = true;
        if (status)
            call.emit('error', withDetails(status));
        else
            call.end();
    };
    const audio = () => Buffer.concat(heard).toString('base64');
    call.on('data', message => {
        if (isOver)
            return;
        if (message.streaming_config) {
            tell({event: 'stream', number, foreign, config: message.streaming_config,
                authorization: call.metadata.get('authorization')[0] || '',
                key: call.metadata.get('x-goog-api-key')[0] || '', agent: call.metadata.get('user-agent')[0] || ''});
            const refused = refusal(call.metadata) || (own.status && !own.statusAtEnd && own.status);
            if (refused)
                end(refused);
            return;
        }
        heard.push(message.audio_content);
        length += message.audio_content.length;
        tell({event: 'audio', number, foreign, bytes: length, message: message.audio_content.length});
        while (script.length > 0 && script[0].at <= length / 8)
            call.write(script.shift().response);
        if (own.garbage)
            call.write(Buffer.from([0xff, 0xff, 0xff, 0x01, 0x02]));
        if (own.resetAfter !== undefined && length / 8 > own.resetAfter)
            drop();
    });
    call.on('end', () => {
        tell({event: 'end', number, audio: audio()});
        if (isOver || own.hang)
            return;
        if (own.statusAtEnd) {
            end(own.status);
            return;
        }
        const last = own.last || [{results: [{alternatives: [{transcript: 'Hello', confidence: 0.9}], is_final: true,
            result_end_time: {seconds: Math.floor(length / 8000), nanos: length % 8000 * 125000}}]}];
        for (const response of last)
            call.write(response);
        end();
    });
    call.on('cancelled', () => {
        isOver = true;
        tell({event: 'cancelled', number, audio: audio()});
    });
    call.on('error', () => { });
}

// Between the client and the server: what a network does to bytes.
const pairs = new Set();
function drop()
{
    for (const pair of pairs)
        pair.client.resetAndDestroy();
}
function drip(to, bytes, at)
{
    if (at >= bytes.length || to.destroyed)
        return Promise.resolve();
    to.write(bytes.subarray(at, at + 1));
    return new Promise(done => setImmediate(done)).then(() => drip(to, bytes, at + 1));
}
function relay(port)
{
    const outer = net.createServer(client => {
        client.setNoDelay(true);
        tell({event: 'connection'});
        const server = net.connect(port, '127.0.0.1');
        server.setNoDelay(true);
        const pair = {client, server, frozen: wire === 'frozen'}; // and stays so
        pairs.add(pair);
        let order = Promise.resolve();
        client.on('data', bytes => { if (!pair.frozen) server.write(bytes); });
        server.on('data', bytes => {
            if (pair.frozen)
                return;
            order = order.then(() => wire === 'slow' ? drip(client, bytes, 0) : client.write(bytes));
        });
        const over = () => {
            pairs.delete(pair);
            client.destroy();
            server.destroy();
        };
        for (const socket of [client, server]) {
            socket.on('error', over);
            socket.on('close', over);
        }
    });
    outer.listen(0, '127.0.0.1', () => tell({event: 'listening', port: outer.address().port}));
}

const server = new grpc.Server();
server.addService(service, {StreamingRecognize: recognize});
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error)
        throw error;
    relay(port);
});

const lines = readline.createInterface({input: process.stdin});
lines.on('line', line => {
    const order = JSON.parse(line);
    if (order.scenario)
        scenario = order.scenario;
    if (order.wire)
        wire = order.wire;
    if (wire === 'frozen')
        pairs.forEach(pair => { pair.frozen = true; });
    if (order.reset)
        drop();
    tell({event: 'done'});
});
lines.on('close', () => process.exit(0));
