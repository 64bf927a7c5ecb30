// The world a PAC file lives in: the helpers of a PAC file, and the one function through which the worker talks to it.
//
// Every helper answers as Chromium does (services/proxy_resolver: pac_js_library.h, proxy_resolver_v8.cc), quirks
// included, because PAC files are written against them. Names are not looked up here: a lookup without an answer is
// noted and answered like a failed one, so that the run goes on and names further lookups; such a run is void.
//
// What the dispatcher uses is captured before the PAC text runs, and its replies are put together from quoted
// primitives only, so that nothing a script does to JSON, prototypes or toJSON can change a reply.
(function (G) {
'use strict';

var call = Function.prototype.call, uncurry = call.bind.bind(call);
var S = String, D = Date, RE = RegExp, TE = TypeError, ME = typeof InternalError === 'function' ? InternalError : null;
var parse = JSON.parse, stringify = JSON.stringify, construct = Reflect.construct, apply = Reflect.apply;
var define = Object.defineProperty, defineOrNot = Reflect.defineProperty;
var numeric = parseInt, dateNow = Date.now, random = Math.random, isPromise = Promise;
var own = uncurry(Object.prototype.hasOwnProperty), exec = uncurry(RE.prototype.exec);
var split = uncurry(S.prototype.split), join = uncurry(Array.prototype.join), sort = uncurry(Array.prototype.sort);
var substring = uncurry(S.prototype.substring), charCode = uncurry(S.prototype.charCodeAt);
var indexOf = uncurry(S.prototype.indexOf), lastIndexOf = uncurry(S.prototype.lastIndexOf);
var startsWith = uncurry(S.prototype.startsWith), endsWith = uncurry(S.prototype.endsWith);

var MAX_LOOKUPS = 100, MAX_REPEATS = 1000, MAX_NAME = 1024, MAX_ALERTS = 100, MAX_ALERT = 1000, MAX_ANSWER = 65536;
var MAX_CACHED = 20000, MAX_STACK = 4000;

// ---------------------------------------------------------------- what one run asked for and used
var running = false, answers = null, fixedClock = null, dialect = '';
var missing, missingCount, used, usedCount, repeats, usesClock, usesRandom, alerts, alertCount, tooMany;
// How often the script called each helper. Each counts for itself: one function for all costs a third of a long run.
var calls;

function reset(request) {
  answers = request.answers; fixedClock = request.clock;
  missing = {__proto__: null}; used = {__proto__: null}; alerts = {__proto__: null}; calls = {__proto__: null};
  missingCount = usedCount = alertCount = repeats = 0;
  usesClock = usesRandom = tooMany = false;
}

// The answer to one lookup (a string, "" if it failed); null while it is still to be looked up.
function lookup(kind, name) {
  if (name.length > MAX_NAME) return '';
  var key = kind + name;
  if (own(answers, key)) {
    if (!(key in used)) { used[key] = true; usedCount++; }
    return answers[key];
  }
  if (!(key in missing)) {
    if (missingCount + usedCount >= MAX_LOOKUPS) tooMany = true;
    else { missing[key] = true; missingCount++; }
  }
  // A script that asks again until it is told something would never end.
  if (++repeats > MAX_REPEATS) throw new TE('too many lookups are not answered yet');
  return null;
}

function now() {
  usesClock = true;
  return fixedClock === null ? dateNow() : fixedClock;
}

function note(text) {
  if (alertCount < MAX_ALERTS) { alerts[alertCount++] = substring(text, 0, MAX_ALERT); }
}

// ---------------------------------------------------------------- addresses
var V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/, STRICT = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;
var NUMBER = /^(?:0[xX][0-9A-Fa-f]*|0[0-7]*|[1-9]\d*)$/, HEXADECIMAL = /^0[xX]/;
var BLANKS_AROUND = /^[ \t\n\v\f\r]*([^]*?)[ \t\n\v\f\r]*$/, NOT_ASCII = /[^\x00-\x7f]/;
// By how many parts are left: what the last part of an address stays below.
var LAST_PART = [0, 4294967296, 16777216, 65536, 256];
var HEX = /^[0-9A-Fa-f]{1,4}$/, DIGITS = /^\d+$/;
var v4Known = {__proto__: null}, v4Count = 0;

// A dotted quad as a 32 bit number (decimal, leading zeros allowed), -1 for anything else.
function v4(text) {
  if (typeof text !== 'string') text = `${text}`;
  var value = v4Known[text], m;
  if (value !== undefined) return value;
  m = exec(V4, text);
  value = m === null || m[1] > 255 || m[2] > 255 || m[3] > 255 || m[4] > 255 ? -1
    : ((m[1] << 24 | m[2] << 16 | m[3] << 8 | m[4]) >>> 0);
  if (++v4Count > MAX_CACHED) { v4Known = {__proto__: null}; v4Count = 0; }
  return v4Known[text] = value;
}

function strictV4(text) { return exec(STRICT, text) === null ? -1 : v4(text); }

// The eight 16 bit words of an IPv6 literal without brackets and zone, or null.
function v6(text) {
  var parts = split(text, ':'), n = parts.length, words = {__proto__: null}, count = 0, gap = -1, i, part, tail;
  if (n < 3 || n > 9) return null;
  for (i = 0; i < n; i++) {
    part = parts[i];
    if (part === '') {
      if (i === 0) { if (parts[1] !== '') return null; }
      else if (i === n - 1) { if (parts[n - 2] !== '') return null; }
      else if (gap >= 0) return null;
      else gap = count;
    } else if (i === n - 1 && indexOf(part, '.') >= 0) {
      tail = strictV4(part);
      if (tail < 0) return null;
      words[count++] = tail >>> 16; words[count++] = tail & 65535;
    } else {
      if (exec(HEX, part) === null) return null;
      words[count++] = numeric(part, 16);
    }
  }
  if (gap < 0 ? count !== 8 : count > 7) return null;
  var whole = {__proto__: null}, zeros = 8 - count;
  for (i = 0; i < 8; i++) whole[i] = gap < 0 || i < gap ? words[i] : i < gap + zeros ? 0 : words[i - zeros];
  return whole;
}

// An IPv4 address of one to four decimal, octal or hexadecimal parts, as URLs have it (WHATWG URL, "IPv4 parser"), or -1.
function looseV4(text) {
  var parts = split(text, '.'), n = parts.length, value = 0, i, part, number, below;
  if (n > 1 && parts[n - 1] === '') n--;
  if (n > 4) return -1;
  for (i = 0; i < n; i++) {
    part = parts[i];
    if (exec(NUMBER, part) === null) return -1;
    number = exec(HEXADECIMAL, part) !== null ? numeric(substring(part, 2) || '0', 16)
      : numeric(part, charCode(part, 0) === 48 ? 8 : 10);
    below = i < n - 1 ? 256 : LAST_PART[n];
    if (number >= below) return -1;
    value = value * below + number;
  }
  return value;
}

// {six, words}: an address in its own form and as eight words (IPv4 mapped into IPv6), or null.
function literal(text) {
  var four = looseV4(text), words;
  if (four >= 0) return {six: false, words: [0, 0, 0, 0, 0, 65535, four >>> 16, four & 65535]};
  words = v6(text);
  return words === null ? null : {six: true, words: words};
}

// ---------------------------------------------------------------- names
function addressOf(host) {
  if (typeof host !== 'string' || host === '') return null;
  if (strictV4(host) >= 0) return host;
  return lookup('4 ', host) || null;
}
function addressesOf(host) {
  if (typeof host !== 'string') return undefined;
  return host === '' ? '' : lookup('a ', host) || '';
}
// A helper asks by the global name, as in Chromium: the script may have a function of its own there. Where it has ours,
// that is no call of the script.
function askByName(name, host) {
  var found = G[name];
  return found === dnsResolve ? addressOf(host) : found === dnsResolveEx ? addressesOf(host) : apply(found, G, [host]);
}
function dnsResolve(host) { calls.dnsResolve = calls.dnsResolve + 1 || 1; return addressOf(host); }
function dnsResolveEx(host) { calls.dnsResolveEx = calls.dnsResolveEx + 1 || 1; return addressesOf(host); }
function myIpAddress() { calls.myIpAddress = calls.myIpAddress + 1 || 1; return lookup('m', '') || '127.0.0.1'; }
function myIpAddressEx() { calls.myIpAddressEx = calls.myIpAddressEx + 1 || 1; return lookup('M', '') || ''; }
function isResolvable(host) {
  calls.isResolvable = calls.isResolvable + 1 || 1;
  return askByName('dnsResolve', host) != null;
}
function isResolvableEx(host) {
  calls.isResolvableEx = calls.isResolvableEx + 1 || 1;
  return askByName('dnsResolveEx', host) != '';
}

// ---------------------------------------------------------------- hosts
function isPlainHostName(host) {
  calls.isPlainHostName = calls.isPlainHostName + 1 || 1;
  if (typeof host !== 'string') throw new TE('Requires 1 string parameter');
  return indexOf(host, '.') < 0 && literal(host) === null;
}
function dnsDomainIs(host, domain) {
  calls.dnsDomainIs = calls.dnsDomainIs + 1 || 1;
  if (!(host.length >= domain.length)) return false;
  var at = host.length - domain.length;
  return (typeof host === 'string' ? substring(host, at) : host.substring(at)) == domain;
}
function localHostOrDomainIs(host, domain) {
  calls.localHostOrDomainIs = calls.localHostOrDomainIs + 1 || 1;
  return host == domain
    || (typeof domain === 'string' ? lastIndexOf(domain, host + '.', 0) : domain.lastIndexOf(host + '.', 0)) === 0;
}
// What is no string is asked for its own methods, as in Chromium: most have none, and throw.
function labels(text) { return typeof text === 'string' ? split(text, '.') : text.split('.'); }
function dnsDomainLevels(host) {
  calls.dnsDomainLevels = calls.dnsDomainLevels + 1 || 1;
  return labels(host).length - 1;
}
function isValidIpAddress(text) {
  calls.isValidIpAddress = calls.isValidIpAddress + 1 || 1;
  return v4(text) >= 0;
}
function convert_addr(text) {
  calls.convert_addr = calls.convert_addr + 1 || 1;
  var b = labels(text);
  return (b[0] & 255) << 24 | (b[1] & 255) << 16 | (b[2] & 255) << 8 | b[3] & 255;
}
function isInNet(host, pattern, mask) {
  calls.isInNet = calls.isInNet + 1 || 1;
  var net = v4(pattern), bits = v4(mask), address;
  if (net < 0 || bits < 0) return false;
  address = v4(host);
  if (address < 0) {
    host = askByName('dnsResolve', host);
    if (host == null) return false;
    address = v4(host);
    if (address < 0) return false;
  }
  return (address & bits) === (net & bits);
}
function trim(text) { return exec(BLANKS_AROUND, text)[1]; }
function isInNetEx(address, prefix) {
  calls.isInNetEx = calls.isInNetEx + 1 || 1;
  if (typeof address !== 'string' || typeof prefix !== 'string') return null;
  var slash = indexOf(prefix, '/'), ip, net, size, i, rest, shift;
  if (slash < 0) return false;
  ip = literal(address); net = literal(trim(substring(prefix, 0, slash))); size = trim(substring(prefix, slash + 1));
  if (ip === null || net === null || exec(DIGITS, size) === null) return false;
  size = +size;
  if (size > (net.six ? 128 : 32)) return false;
  if (!net.six) size += 96;
  for (i = 0; i < 8 && size > 0; i++, size -= 16) {
    rest = size < 16 ? size : 16; shift = 16 - rest;
    if (ip.words[i] >>> shift !== net.words[i] >>> shift) return false;
  }
  return true;
}
function sortIpAddressList(list) {
  calls.sortIpAddressList = calls.sortIpAddressList + 1 || 1;
  if (typeof list !== 'string' || exec(NOT_ASCII, list) !== null) return null;
  var parts = split(join(split(join(split(list, ' '), ''), '\t'), ''), ';'), found = [], i, ip;
  for (i = 0; i < parts.length; i++) {
    if (parts[i] === '') continue;
    ip = literal(parts[i]);
    if (ip === null) return false;
    ip.text = parts[i];
    found[found.length] = ip;
  }
  if (found.length === 0) return false;
  sort(found, function (a, b) {
    if (a.six !== b.six) return a.six ? -1 : 1;
    for (var k = 0; k < 8; k++) if (a.words[k] !== b.words[k]) return a.words[k] - b.words[k];
    return 0;
  });
  for (i = 0; i < found.length; i++) found[i] = found[i].text;
  return join(found, ';');
}

// ---------------------------------------------------------------- patterns
var LIVE = /[\\^$+()[\]{}|]/, NEWLINE = /[\n\r\u2028\u2029]/;
var patterns = {__proto__: null}, patternCount = 0;

// Regexp characters other than "." are live, as in browsers, and authors rely on it: "(a|b).corp". Any other pattern
// is matched in linear time, the usual forms by one native call.
function compile(pattern) {
  if (exec(LIVE, pattern) !== null) {
    var source = join(split(join(split(join(split(pattern, '.'), '\\.'), '*'), '.*'), '?'), '.');
    return {kind: 'regexp', regexp: new RE('^' + source + '$')};
  }
  var n = pattern.length, middle = substring(pattern, 1, n - 1), inner = substring(pattern, 1);
  if (indexOf(pattern, '?') >= 0) return {kind: 'glob'};
  if (indexOf(pattern, '*') < 0) return {kind: 'same'};
  if (indexOf(inner, '*') < 0) return {kind: 'ends', text: inner};
  if (indexOf(pattern, '*') === n - 1) return {kind: 'starts', text: substring(pattern, 0, n - 1)};
  if (charCode(pattern, 0) === 42 && charCode(pattern, n - 1) === 42 && indexOf(middle, '*') < 0) {
    return {kind: 'has', text: middle};
  }
  return {kind: 'glob'};
}

function glob(text, pattern) {
  var i = 0, j = 0, star = -1, mark = 0, n = text.length, m = pattern.length, c;
  while (i < n) {
    c = j < m ? charCode(pattern, j) : -1;
    if (c === 42) { star = j++; mark = i; }
    else if (c === 63 || c === charCode(text, i)) { i++; j++; }
    else if (star >= 0) { j = star + 1; i = ++mark; }
    else return false;
  }
  while (j < m && charCode(pattern, j) === 42) j++;
  return j === m;
}

function shExpMatch(text, pattern) {
  calls.shExpMatch = calls.shExpMatch + 1 || 1;
  if (typeof pattern !== 'string') {
    if (!(pattern instanceof S)) throw new TE('shExpMatch: the pattern is not a string');
    pattern = S(pattern);
  }
  if (typeof text !== 'string') text = `${text}`;
  var known = patterns[pattern];
  if (known === undefined) {
    known = compile(pattern);
    if (++patternCount > MAX_CACHED) { patterns = {__proto__: null}; patternCount = 0; }
    patterns[pattern] = known;
  }
  switch (known.kind) {
    case 'regexp': return exec(known.regexp, text) !== null;
    case 'same': return text === pattern;
  }
  // A wildcard stands for "." of a regexp, which matches no line end.
  if (exec(NEWLINE, text) !== null) {
    return exec(new RE('^' + join(split(join(split(join(split(pattern, '.'), '\\.'), '*'), '.*'), '?'), '.') + '$'), text) !== null;
  }
  switch (known.kind) {
    case 'ends': return endsWith(text, known.text);
    case 'starts': return startsWith(text, known.text);
    case 'has': return indexOf(text, known.text) >= 0;
  }
  return glob(text, pattern);
}

// ---------------------------------------------------------------- clock
var date = D.prototype, get = {__proto__: null}, set = {__proto__: null};
var fields = ['FullYear', 'Month', 'Date', 'Hours', 'Minutes', 'Seconds', 'Day'];
for (var f = 0; f < fields.length; f++) {
  get[fields[f]] = uncurry(date['get' + fields[f]]);
  get['UTC' + fields[f]] = uncurry(date['getUTC' + fields[f]]);
  if (fields[f] !== 'Day') set[fields[f]] = uncurry(date['set' + fields[f]]);
}
var timeOf = uncurry(date.getTime);
set.Time = uncurry(date.setTime);
var wdays = {SUN: 0, MON: 1, TUE: 2, WED: 3, THU: 4, FRI: 5, SAT: 6};
var months = {JAN: 0, FEB: 1, MAR: 2, APR: 3, MAY: 4, JUN: 5, JUL: 6, AUG: 7, SEP: 8, OCT: 9, NOV: 10, DEC: 11};

function numberOf(table, name) { return own(table, name) ? table[name] : -1; }
function isGMT(args) { return args[args.length - 1] === 'GMT'; }
function field(when, name, gmt) { return get[gmt ? 'UTC' + name : name](when); }

// About the moment whose local fields are the UTC fields of `when`: each field is read after the one before was set, as
// in Chromium, which near the end of a month is another day.
function asLocal(when) {
  var moved = new D(timeOf(when)), i;
  for (i = 0; i < 6; i++) set[fields[i]](moved, get['UTC' + fields[i]](moved));
  return moved;
}
// What is not a number makes a bound that no time is in; QuickJS leaves the date as it was.
function put(when, name, value) {
  value = +value;
  if (value !== value || timeOf(when) !== timeOf(when)) set.Time(when, NaN);
  else set[name](when, value);
}
function inside(from, to, when) {
  from = timeOf(from); to = timeOf(to); when = timeOf(when);
  return from <= to ? from <= when && when <= to : to >= when || when >= from;
}

function weekdayRange(first, second) {
  calls.weekdayRange = calls.weekdayRange + 1 || 1;
  var n = arguments.length, when = new D(now()), gmt, a, b, today;
  if (n < 1) return false;
  gmt = isGMT(arguments);
  if (gmt) n--;
  today = field(when, 'Day', gmt);
  a = numberOf(wdays, first);
  b = n === 2 ? numberOf(wdays, second) : a;
  if (a < 0 || b < 0) return false;
  return a <= b ? a <= today && today <= b : b >= today || today >= a;
}

// Lets each argument set its field on `bound` in the order given: that is where the well-known oddities come from
// (pairs of day and month are split in halves; a month set on the 31st runs over).
function setFields(bound, args, from, to) {
  var days = false, i, value;
  for (i = from; i < to; i++) {
    value = numeric(args[i], 10);
    if (value !== value) set.Month(bound, numberOf(months, args[i]));
    else if (value < 32) { set.Date(bound, value); days = true; }
    else set.FullYear(bound, value);
  }
  return days;
}
function dateRange(first) {
  calls.dateRange = calls.dateRange + 1 || 1;
  var n = arguments.length, when = new D(now()), gmt, value, year, half, from, to;
  if (n < 1) return false;
  gmt = isGMT(arguments);
  if (gmt) n--;
  if (n === 1) {
    value = numeric(first, 10);
    if (value !== value) return field(when, 'Month', gmt) === numberOf(months, first);
    return field(when, value < 32 ? 'Date' : 'FullYear', gmt) === value;
  }
  year = get.FullYear(when); half = n >> 1;
  from = new D(year, 0, 1, 0, 0, 0); to = new D(year, 11, 31, 23, 59, 59);
  value = setFields(from, arguments, 0, half);
  setFields(to, arguments, half, n);
  if (value && n <= 2) { set.Month(from, get.Month(when)); set.Month(to, get.Month(when)); }
  return inside(from, to, gmt ? asLocal(when) : when);
}

function timeRange(a, b) {
  calls.timeRange = calls.timeRange + 1 || 1;
  var n = arguments.length, when = new D(now()), gmt, hour, from, to, half;
  if (n < 1) return false;
  gmt = isGMT(arguments);
  if (gmt) n--;
  hour = field(when, 'Hours', gmt);
  if (n === 1) return hour == a;
  if (n === 2) return a <= hour && hour <= b;
  if (n !== 4 && n !== 6) throw new TE('timeRange: bad number of arguments');
  half = n >> 1; from = new D(timeOf(when)); to = new D(timeOf(when));
  if (n === 6) { put(from, 'Seconds', arguments[2]); put(to, 'Seconds', arguments[5]); }
  put(from, 'Hours', a); put(from, 'Minutes', b);
  put(to, 'Hours', arguments[half]); put(to, 'Minutes', arguments[half + 1]);
  if (n === 4) put(to, 'Seconds', 59);
  return inside(from, to, gmt ? asLocal(when) : when);
}

// ---------------------------------------------------------------- the rest of the world
function alert(text) { note(`${text}`); }
function getClientVersion() { calls.getClientVersion = calls.getClientVersion + 1 || 1; return '1.0'; }
function log() {
  var words = [], i;
  for (i = 0; i < arguments.length; i++) words[i] = S(arguments[i]);
  note(join(words, ' '));
}

// Date and Math.random as they are, except that their use is noted: it decides how long an answer holds.
function pacDate() {
  if (new.target === undefined) return S(new D(now()));
  return construct(D, arguments.length === 0 ? [now()] : arguments, new.target);
}
define(pacDate, 'name', {value: 'Date'});
define(pacDate, 'length', {value: 7});
define(pacDate, 'prototype', {value: date, writable: false});
define(date, 'constructor', {value: pacDate, writable: true, configurable: true});
pacDate.UTC = D.UTC; pacDate.parse = D.parse; pacDate.now = now;
G.Date = pacDate;
Math.random = function () { usesRandom = true; return random(); };

// What an engine brings along and no browser gives to a PAC file.
var extra = ['performance', 'convert_addr6', 'isInNetEx6', 'isInNetEx4', 'print', 'std', 'os', 'bjson', 'scriptArgs'];
for (var e = 0; e < extra.length; e++) if (!Reflect.deleteProperty(G, extra[e])) G[extra[e]] = undefined;

var helpers = {
  alert: alert, console: {log: log, info: log, warn: log, error: log, debug: log}, getClientVersion: getClientVersion,
  dnsResolve: dnsResolve, dnsResolveEx: dnsResolveEx, myIpAddress: myIpAddress, myIpAddressEx: myIpAddressEx,
  isResolvable: isResolvable, isResolvableEx: isResolvableEx, isPlainHostName: isPlainHostName,
  dnsDomainIs: dnsDomainIs, dnsDomainLevels: dnsDomainLevels, localHostOrDomainIs: localHostOrDomainIs,
  isValidIpAddress: isValidIpAddress, convert_addr: convert_addr, isInNet: isInNet, isInNetEx: isInNetEx,
  sortIpAddressList: sortIpAddressList, shExpMatch: shExpMatch, wdays: wdays, months: months,
  weekdayRange: weekdayRange, dateRange: dateRange, timeRange: timeRange
};
for (var h in helpers) G[h] = helpers[h];
// Those that are JavaScript in Chromium too cannot be deleted there, nor shadowed by a let, const or class of the script.
var library = [
  'dnsDomainIs', 'dnsDomainLevels', 'isValidIpAddress', 'convert_addr', 'isInNet', 'isResolvable', 'isResolvableEx',
  'localHostOrDomainIs', 'shExpMatch', 'weekdayRange', 'dateRange', 'timeRange', 'wdays', 'months'
];
for (var l = 0; l < library.length; l++) define(G, library[l], {configurable: false});

// ---------------------------------------------------------------- the dispatcher
function quoteKeys(set) {
  var text = '', key;
  for (key in set) text += (text && ',') + stringify(key);
  return '[' + text + ']';
}
function quoteAlerts() {
  var text = '', i;
  for (i = 0; i < alertCount; i++) text += (text && ',') + stringify(alerts[i]);
  return '[' + text + ']';
}
// How often the script called each helper, those in the order of their first calls; nothing if it called none.
function quoteCalls() {
  var text = '', name;
  for (name in calls) text += ',"' + name + '":' + calls[name];
  return text && ',"calls":{' + substring(text, 1) + '}';
}
function describe(error) {
  var message, stack = '', memory = false;
  try { message = S(error); } catch (_) { message = 'an error that cannot be shown'; }
  try { if (typeof error === 'object' && error !== null && typeof error.stack === 'string') stack = error.stack; } catch (_) {}
  try { memory = ME !== null && error instanceof ME && error.message === 'out of memory'; } catch (_) {}
  return failure(message, stack, memory);
}
function failure(message, stack, memory) {
  return '"error":' + stringify(substring(message, 0, MAX_ALERT)) + ',"stack":' + stringify(substring(stack, 0, MAX_STACK)) +
    ',"memory":' + (memory ? 'true' : 'false');
}
function report(body) {
  // substring: a string put together piece by piece is a rope in quickjs-ng, which its binding cannot hand out.
  return substring('{' + body + ',"missing":' + quoteKeys(missing) + ',"used":' + quoteKeys(used) + ',"alerts":' + quoteAlerts() +
    ',"clock":' + (usesClock ? 'true' : 'false') + ',"random":' + (usesRandom ? 'true' : 'false') +
    ',"too_many":' + (tooMany ? 'true' : 'false') + quoteCalls() + '}', 0);
}
// The entry point, read anew for each call as in Chromium; a top-level const or let is taken as well.
function entry() {
  if (dialect === 'windows' && typeof G.FindProxyForURLEx === 'function') return G.FindProxyForURLEx;
  return typeof FindProxyForURL === 'function' ? FindProxyForURL : null;
}
function find(request) {
  var fn, answer;
  try { fn = entry(); } catch (error) { return failure('Accessing FindProxyForURL threw an exception.', '', false); }
  if (fn === null) return failure('FindProxyForURL is undefined or not a function.', '', false);
  try { answer = apply(fn, G, [request.url, request.host]); } catch (error) { return describe(error); }
  if (typeof answer !== 'string') {
    var type = answer === null ? 'null' : typeof answer;
    try { if (answer instanceof isPromise) type = 'Promise'; } catch (_) {}
    return '"type":' + stringify(type);
  }
  if (answer.length > MAX_ANSWER) return '"length":' + answer.length;
  return '"text":' + stringify(answer);
}
function finishLoad(request) {
  if (request.error !== null) return failure(request.error, request.stack, request.memory);
  try { if (entry() === null) return failure('FindProxyForURL is undefined or not a function.', '', false); }
  catch (error) { return failure('Accessing FindProxyForURL threw an exception.', '', false); }
  return '"loaded":true';
}
// pacparser calls the dispatcher by a global name that a script may use for a function of its own: while the script runs
// the name is the script's, else ours. A script that does not let go of it could answer for us: its process must end.
var NAME = 'findProxyForURL', named = false, mine;
function lend(value) {
  if (!defineOrNot(G, NAME, {value: value, writable: true})) throw new TE('the script keeps the name of the dispatcher');
}
function takeBack() {
  var found;
  try { found = G[NAME]; } catch (_) {}
  if (found === pacawareDispatch) return;
  mine = found;
  lend(pacawareDispatch);
}
function pacawareDispatch(_, payload) {
  if (running) throw new TE('the script calls its own dispatcher');
  var request = parse(payload);
  if (request.op === 'begin') { dialect = request.dialect; reset(request); return ''; }
  if (request.op === 'back') { named = true; takeBack(); return ''; }
  if (request.op === 'end') return report(finishLoad(request));
  if (request.op === 'eval') { try { (0, eval)(request.text); return ''; } catch (error) { return substring('{' + describe(error) + '}', 0); } }
  running = true;
  if (mine !== undefined) lend(mine);
  try { reset(request); return report(find(request)); } finally { running = false; if (named) takeBack(); }
}
return pacawareDispatch;
})(globalThis)
