// One engine of browsers, measured as filter_bench measures ours: the best of several rounds of each
// batch. Usage: node filter_bench_peer.mjs ghostery|ubo FOLDER (in which node_modules lies, too).
import {createRequire} from 'node:module';
import {readFileSync} from 'node:fs';
import {pathToFileURL} from 'node:url';

const [engineName, folder] = process.argv.slice(2);
const ROUNDS = 15, BATCH = 256;
const require = createRequire(folder + '/');
const read = name => readFileSync(`${folder}/${name}`, 'utf8');
const rows = read('requests.tsv').split('\n').filter(Boolean).map(line => line.split('\t'));
const lists = ['easylist.txt', 'easyprivacy.txt'].map(read);
const load = name => import(pathToFileURL(require.resolve(name)));

async function ghostery() {
    const {FiltersEngine, Request} = require('@ghostery/adblocker');
    const make = () => FiltersEngine.parse(lists.join('\n'));
    const ask = (engine, [url, source, type]) =>
        engine.match(Request.fromRawDetails({url, sourceUrl: source, type}));
    const pack = engine => engine.serialize();
    const unpack = bytes => FiltersEngine.deserialize(bytes);
    return {make, ask, pack, unpack};
}

async function ubo() {
    const {StaticNetFilteringEngine} = await load('@gorhill/ubo-core');
    const engine = await StaticNetFilteringEngine.create();
    const make = async () => {
        await engine.useLists([{name: 'easylist', raw: lists[0]},
                               {name: 'easyprivacy', raw: lists[1]}]);
        return engine;
    };
    const ask = (one, [url, originURL, type]) => one.matchRequest({originURL, url, type});
    return {make, ask};
}

const since = begin => Number(process.hrtime.bigint() - begin);

function bestBatches(engine, ask) {
    let total = 0;
    for (let start = 0; start + BATCH <= rows.length; start += BATCH) {
        let best = Infinity;
        for (let round = 0; round < ROUNDS; round++) {
            const begin = process.hrtime.bigint();
            for (let i = start; i < start + BATCH; i++)
                ask(engine, rows[i]);
            best = Math.min(best, since(begin));
        }
        total += best;
    }
    return total / (Math.floor(rows.length / BATCH) * BATCH);
}

function bestEach(engine, ask) {
    const each = new Float64Array(rows.length).fill(Infinity);
    for (let round = 0; round < ROUNDS; round++) {
        rows.forEach((row, i) => {
            const begin = process.hrtime.bigint();
            ask(engine, row);
            each[i] = Math.min(each[i], since(begin));
        });
    }
    return each.sort();
}

const {make, ask, pack, unpack} = await {ghostery, ubo}[engineName]();
let engine, compile = Infinity, open = null, bytes = null;
for (let i = 0; i < 3; i++) {
    const begin = process.hrtime.bigint();
    engine = await make();
    compile = Math.min(compile, since(begin) / 1e6);
}
if (pack) {
    const packed = pack(engine);
    bytes = packed.length;
    for (let i = 0; i < 5; i++) {
        const begin = process.hrtime.bigint();
        unpack(packed);
        open = Math.min(open ?? Infinity, since(begin) / 1e6);
    }
}
const mean = bestBatches(engine, ask), each = bestEach(engine, ask);
console.log(JSON.stringify({
    requests: {bytes, compile_ms: compile, open_ms: open, per_second: 1e9 / mean, mean_ns: mean,
               p50_ns: each[each.length >> 1], p99_ns: each[Math.floor(each.length * 0.99)]},
}));
