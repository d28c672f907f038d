-- SPDX-License-Identifier: Apache-2.0
-- For wrk: posts a body of a file to /v1/score, each connection after a pause, and counts what came by status.
--     wrk -s load.lua URL -- BODY PAUSE (in milliseconds)
local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    local file = assert(io.open(args[1], "rb"))
    wrk.body = file:read("*a")
    file:close()
    wrk.method = "POST"
    wrk.path = "/v1/score"
    wrk.headers["Content-Type"] = "application/json"
    pause = tonumber(args[2] or 0)
    n200, n429, others, without = 0, 0, 0, 0
end

function delay()
    return pause
end

function response(status, headers, body)
    if status == 200 then
        n200 = n200 + 1
    elseif status == 429 then
        n429 = n429 + 1
        if headers["Retry-After"] == nil then
            without = without + 1
        end
    else
        others = others + 1
    end
end

function done(summary, latency, requests)
    local sum = {n200 = 0, n429 = 0, others = 0, without = 0}
    for _, thread in ipairs(threads) do
        for name in pairs(sum) do
            sum[name] = sum[name] + thread:get(name)
        end
    end
    local errors = summary.errors
    io.write(string.format('{"200": %d, "429": %d, "other": %d, "without_retry_after": %d, "seconds": %f, ' ..
        '"p50": %f, "p99": %f, "broken": %d}\n', sum.n200, sum.n429, sum.others, sum.without,
        summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
        errors.connect + errors.read + errors.write + errors.timeout))
end
