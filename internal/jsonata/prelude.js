// The host's side of JSONata: compiles each expression once, adds Step
// Functions' functions, removes $eval, and hands results back as JSON text.
(function (jsonata, host) {
    'use strict';
    var compiled = Object.create(null);
    var framesLeft = 0;

    function fail(message) {
        throw { code: 'states', message: message };
    }

    function partition(array, size) {
        if (array === undefined) { return undefined; }
        if (!Number.isInteger(size) || size < 1) { fail('$partition needs a whole chunk size of at least 1'); }
        var chunks = [];
        for (var i = 0; i < array.length; i += size) {
            chunks.push(array.slice(i, i + size));
        }
        return chunks;
    }

    function range(first, last, step) {
        if (!Number.isInteger(first) || !Number.isInteger(last) || !Number.isInteger(step) || step === 0) {
            fail('$range needs three whole numbers, the last of them not 0');
        }
        if ((last - first) / step >= 1e7) { fail('$range would give more than 10,000,000 items'); }
        var items = [];
        for (var i = first; step > 0 ? i <= last : i >= last; i += step) {
            items.push(i);
        }
        return items;
    }

    function hash(text, algorithm) {
        if (text === undefined) { return undefined; }
        var sum = host.hash(text, algorithm);
        if (sum === undefined) { fail('$hash knows MD5, SHA-1, SHA-256, SHA-384 and SHA-512, not ' + algorithm); }
        return sum;
    }

    function parse(text) {
        if (text === undefined) { return undefined; }
        try {
            return JSON.parse(text);
        } catch (e) {
            return fail('$parse was given text that is not JSON: ' + e.message);
        }
    }

    function random(seed) {
        return seed === undefined ? Math.random() : host.seeded(seed);
    }

    // Every call of a function opens a frame, so a budget of frames stops endless
    // recursion at the same point on every machine, unlike a clock.
    function countFrame() {
        framesLeft -= 1;
        if (framesLeft < 0) { host.exhausted(); } // throwing through thousands of promises would take minutes
    }

    function compile(text) {
        var expression = jsonata(text);
        expression.assign(Symbol.for('jsonata.__createFrame_push'), countFrame);
        expression.assign('eval', undefined);
        expression.registerFunction('partition', partition, '<an:a>');
        expression.registerFunction('range', range, '<nnn:a>');
        expression.registerFunction('hash', hash, '<ss:s>');
        expression.registerFunction('random', random, '<n?:n>');
        expression.registerFunction('uuid', host.uuid, '<:s>');
        expression.registerFunction('parse', parse, '<s:x>');
        return expression;
    }

    function describe(e) {
        if (e && typeof e === 'object') {
            return [String(e.code || ''), String(e.message || ''), typeof e.position === 'number' ? e.position : -1];
        }
        return ['', String(e), -1];
    }

    // A pattern is not JSON; its text is enough for a reader of the tree.
    function plain(key, value) {
        return value instanceof RegExp ? String(value) : value;
    }

    function isFunction(value) {
        return typeof value === 'function' || (value !== null && typeof value === 'object' &&
            (value._jsonata_function === true || value._jsonata_lambda === true));
    }

    function deliver(value, done) {
        if (value === undefined) { return done('undefined'); }
        if (isFunction(value)) { return done('function'); }
        if (typeof value === 'number' && !isFinite(value)) {
            return done('error', 'D1001', 'Number out of range: ' + value, -1);
        }
        return done('value', JSON.stringify(value));
    }

    // An ISO time without a zone is UTC, wherever the rehearsal runs.
    var parseDate = Date.parse;
    Date.parse = function (text) {
        return parseDate(/T\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text) ? text + 'Z' : text);
    };

    return {
        // tree compiles an expression and returns its syntax tree as JSON, or
        // [code, message, position].
        tree: function (text) {
            try {
                return JSON.stringify(jsonata(text).ast(), plain);
            } catch (e) {
                return describe(e);
            }
        },
        run: function (text, input, variables, done) {
            try {
                var expression = compiled[text] || (compiled[text] = compile(text));
                framesLeft = host.frames;
                var data = input === undefined ? undefined : JSON.parse(input);
                expression.evaluate(data, JSON.parse(variables)).then(
                    function (value) {
                        try { deliver(value, done); } catch (e) { var d = describe(e); done('error', d[0], d[1], d[2]); }
                    },
                    function (e) { var d = describe(e); done('error', d[0], d[1], d[2]); });
            } catch (e) {
                var d = describe(e);
                done('error', d[0], d[1], d[2]);
            }
        }
    };
})
