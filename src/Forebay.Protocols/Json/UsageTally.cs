namespace Forebay.Protocols.Json;

/// <summary>
/// Collects the counts of one response. Counts are cumulative in both dialects: one that comes again replaces what it
/// said before, and nothing is ever added up across events.
/// </summary>
internal struct UsageTally
{
    /// <summary>No real response comes near; a count beyond it is a fault, and must not be somebody's bill.</summary>
    public const long MostTokens = 1_000_000_000;

    private long? _prompt;
    private long? _output;
    private long? _cacheRead;
    private long? _cacheWrite;
    private long? _reasoning;
    private long? _total;
    private bool _hasBadCount;
    private bool _promptIncludesCached;

    /// <summary>Whether a count was negative, not whole, beyond <see cref="MostTokens"/>, not a number, or contradicted
    /// another. It was clamped or left out.</summary>
    public readonly bool IsSuspect =>
        _hasBadCount || (_promptIncludesCached && (_cacheRead ?? 0) + (_cacheWrite ?? 0) > (_prompt ?? 0));

    /// <summary>Output tokens spent on reasoning, within the output; null where not told.</summary>
    public readonly long? Reasoning => _reasoning;

    /// <summary>Reads an Anthropic <c>usage</c> object.</summary>
    public void ReadAnthropic(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[32];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            if (member.SequenceEqual("input_tokens"u8))
            {
                ReadCount(ref cursor, ref _prompt);
            }
            else if (member.SequenceEqual("output_tokens"u8))
            {
                ReadCount(ref cursor, ref _output);
            }
            else if (member.SequenceEqual("cache_read_input_tokens"u8))
            {
                ReadCount(ref cursor, ref _cacheRead);
            }
            else if (member.SequenceEqual("cache_creation_input_tokens"u8))
            {
                ReadCount(ref cursor, ref _cacheWrite);
            }
            else if (member.SequenceEqual("output_tokens_details"u8))
            {
                ReadDetail(ref cursor, "thinking_tokens"u8, ref _reasoning, default, ref _reasoning);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    /// <summary>Reads an OpenAI <c>usage</c> object, or one of the details objects within.</summary>
    public void ReadOpenAi(ref JsonCursor cursor)
    {
        _promptIncludesCached = true;
        Span<byte> scratch = stackalloc byte[32];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            if (member.SequenceEqual("prompt_tokens"u8))
            {
                ReadCount(ref cursor, ref _prompt);
            }
            else if (member.SequenceEqual("completion_tokens"u8))
            {
                ReadCount(ref cursor, ref _output);
            }
            else if (member.SequenceEqual("total_tokens"u8))
            {
                ReadCount(ref cursor, ref _total);
            }
            else if (member.SequenceEqual("prompt_tokens_details"u8))
            {
                ReadDetail(ref cursor, "cached_tokens"u8, ref _cacheRead, "cache_write_tokens"u8, ref _cacheWrite);
            }
            else if (member.SequenceEqual("completion_tokens_details"u8))
            {
                ReadDetail(ref cursor, "reasoning_tokens"u8, ref _reasoning, default, ref _reasoning);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    /// <summary>Reads a <c>usage</c> object of the Responses dialect.</summary>
    public void ReadResponses(ref JsonCursor cursor)
    {
        _promptIncludesCached = true;
        Span<byte> scratch = stackalloc byte[32];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            if (member.SequenceEqual("input_tokens"u8))
            {
                ReadCount(ref cursor, ref _prompt);
            }
            else if (member.SequenceEqual("output_tokens"u8))
            {
                ReadCount(ref cursor, ref _output);
            }
            else if (member.SequenceEqual("total_tokens"u8))
            {
                ReadCount(ref cursor, ref _total);
            }
            else if (member.SequenceEqual("input_tokens_details"u8))
            {
                ReadDetail(ref cursor, "cached_tokens"u8, ref _cacheRead, "cache_write_tokens"u8, ref _cacheWrite);
            }
            else if (member.SequenceEqual("output_tokens_details"u8))
            {
                ReadDetail(ref cursor, "reasoning_tokens"u8, ref _reasoning, default, ref _reasoning);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    /// <summary>Reads the <c>usage</c> object of Bedrock's Converse. Its input leaves caches out.</summary>
    public void ReadConverse(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[32];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            if (member.SequenceEqual("inputTokens"u8))
            {
                ReadCount(ref cursor, ref _prompt);
            }
            else if (member.SequenceEqual("outputTokens"u8))
            {
                ReadCount(ref cursor, ref _output);
            }
            else if (member.SequenceEqual("cacheReadInputTokens"u8))
            {
                ReadCount(ref cursor, ref _cacheRead);
            }
            else if (member.SequenceEqual("cacheWriteInputTokens"u8))
            {
                ReadCount(ref cursor, ref _cacheWrite);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    /// <summary>Reads the measurements that Bedrock adds to the end of a stream.</summary>
    public void ReadInvocationMetrics(ref JsonCursor cursor)
    {
        Span<byte> scratch = stackalloc byte[32];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            if (member.SequenceEqual("inputTokenCount"u8))
            {
                ReadCount(ref cursor, ref _prompt);
            }
            else if (member.SequenceEqual("outputTokenCount"u8))
            {
                ReadCount(ref cursor, ref _output);
            }
            else if (member.SequenceEqual("cacheReadInputTokenCount"u8))
            {
                ReadCount(ref cursor, ref _cacheRead);
            }
            else if (member.SequenceEqual("cacheWriteInputTokenCount"u8))
            {
                ReadCount(ref cursor, ref _cacheWrite);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }

    /// <summary>The counts so far, disjoint.</summary>
    public readonly WireUsage ToUsage()
    {
        bool known = _prompt is not null || _output is not null;
        long prompt = _prompt ?? 0;
        long read = _cacheRead ?? 0;
        long write = _cacheWrite ?? 0;
        long output = _output ?? 0;
        if (!_promptIncludesCached)
        {
            return new WireUsage(known, prompt, read, write, output);
        }

        read = Math.Min(read, prompt);
        write = Math.Min(write, prompt - read);

        // Some servers leave reasoning out of completion_tokens; their total gives them away.
        long reasoning = _reasoning ?? 0;
        output += _total == prompt + output + reasoning ? reasoning : 0;
        return new WireUsage(known, prompt - read - write, read, write, output);
    }

    /// <summary>Reads one count that stands next; anything but a number leaves it as it was.</summary>
    public void ReadCount(ref JsonCursor cursor, ref long? count)
    {
        JsonKind kind = cursor.Peek();
        if (!cursor.ReadValue(out ByteRange value) || kind == JsonKind.Null)
        {
            return;
        }

        if (kind != JsonKind.Number || !JsonText.TryGetWhole(value.Of(cursor.Json), out long read))
        {
            _hasBadCount = true;
            return;
        }

        _hasBadCount |= read is < 0 or > MostTokens;
        count = Math.Clamp(read, 0, MostTokens);
    }

    private void ReadDetail(
        ref JsonCursor cursor,
        ReadOnlySpan<byte> oneName,
        ref long? one,
        ReadOnlySpan<byte> otherName,
        ref long? other)
    {
        if (cursor.Peek() != JsonKind.Object)
        {
            _ = cursor.Skip();
            return;
        }

        Span<byte> scratch = stackalloc byte[32];
        bool first = true;
        for (_ = cursor.Enter(); cursor.NextMember(ref first, out JsonString name);)
        {
            ReadOnlySpan<byte> member = name.Keyword(cursor.Json, scratch);
            if (member.SequenceEqual(oneName))
            {
                ReadCount(ref cursor, ref one);
            }
            else if (!otherName.IsEmpty && member.SequenceEqual(otherName))
            {
                ReadCount(ref cursor, ref other);
            }
            else
            {
                _ = cursor.Skip();
            }
        }
    }
}
