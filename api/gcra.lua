-- The arithmetic of `gcra.py: charge`, with Valkey's clock and in one step that nothing can come between.
-- KEYS: the key's theoretical arrival time. ARGV: cost, interval (us), burst. All numbers are whole.
-- Returns: 1 if allowed else 0, units remaining, us until it would be allowed, us until the burst is full, now.
local cost, interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local window = burst * interval
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local after = tat + cost * interval
local over = after - now - window
if over > 0 then
    return {0, math.floor(math.max(0, window - (tat - now)) / interval), over, tat - now, now}
end
if after > now then
    -- Expiry counts by a coarser clock: a second more, or a key might be forgotten before it is worth nothing.
    redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1000)
end
return {1, math.floor(math.max(0, window - (after - now)) / interval), 0, after - now, now}
