using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Forebay.Protocols.Writing;

namespace Forebay.Protocols.Batches;

/// <summary>A batch of messages as Anthropic's clients see it. Times are Unix milliseconds.</summary>
public sealed record MessageBatchObject(string Id, string Status, long CreatedMs, long ExpiresMs)
{
    public int Processing { get; init; }

    public int Succeeded { get; init; }

    public int Errored { get; init; }

    public int Canceled { get; init; }

    public int Expired { get; init; }

    public long? EndedMs { get; init; }

    public long? CancelMs { get; init; }

    public long? ArchivedMs { get; init; }

    public string? ResultsUrl { get; init; }
}

/// <summary>A batch as OpenAI's clients see it. Times are Unix seconds.</summary>
public sealed record OpenAiBatchObject(
    string Id, string Endpoint, string InputFile, string Status, long CreatedAt, long ExpiresAt)
{
    public string? Model { get; init; }

    public IReadOnlyList<(string Code, string Message, string? Param, int? Line)> Errors { get; init; } = [];

    public string? OutputFile { get; init; }

    public string? ErrorFile { get; init; }

    public long? InProgressAt { get; init; }

    public long? FinalizingAt { get; init; }

    public long? CompletedAt { get; init; }

    public long? FailedAt { get; init; }

    public long? ExpiredAt { get; init; }

    public long? CancellingAt { get; init; }

    public long? CancelledAt { get; init; }

    public int Total { get; init; }

    public int Completed { get; init; }

    public int Failed { get; init; }

    public long InputTokens { get; init; }

    public long CachedTokens { get; init; }

    public long OutputTokens { get; init; }

    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>A file as OpenAI's clients see it. Times are Unix seconds.</summary>
public sealed record FileObject(string Id, string Name, string Purpose, long Bytes, long CreatedAt, long ExpiresAt);

/// <summary>Writes batches and files.</summary>
public static class BatchObjects
{
    public static void Write(IBufferWriter<byte> output, MessageBatchObject batch)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        Write(json, batch);
    }

    public static void Write(IBufferWriter<byte> output, OpenAiBatchObject batch)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        Write(json, batch);
    }

    public static void Write(IBufferWriter<byte> output, FileObject file)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        Write(json, file);
    }

    /// <summary>A page of Anthropic's.</summary>
    public static void WritePage(
        IBufferWriter<byte> output, IReadOnlyList<MessageBatchObject> batches, bool hasMore)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        json.WriteStartObject();
        WriteData(json, batches, Write, b => b.Id, hasMore);
        json.WriteEndObject();
    }

    /// <summary>A page of OpenAI's batches.</summary>
    public static void WritePage(
        IBufferWriter<byte> output, IReadOnlyList<OpenAiBatchObject> batches, bool hasMore)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        WriteData(json, batches, Write, b => b.Id, hasMore);
        json.WriteEndObject();
    }

    /// <summary>A page of OpenAI's files.</summary>
    public static void WritePage(IBufferWriter<byte> output, IReadOnlyList<FileObject> files, bool hasMore)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        WriteData(json, files, Write, f => f.Id, hasMore);
        json.WriteEndObject();
    }

    /// <summary>Anthropic's answer to a removal.</summary>
    public static void WriteBatchDeleted(IBufferWriter<byte> output, string id)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        json.WriteStartObject();
        json.WriteString("id"u8, id);
        json.WriteString("type"u8, "message_batch_deleted"u8);
        json.WriteEndObject();
    }

    /// <summary>OpenAI's answer to the removal of a file.</summary>
    public static void WriteFileDeleted(IBufferWriter<byte> output, string id)
    {
        using Utf8JsonWriter json = JsonOutput.To(output);
        json.WriteStartObject();
        json.WriteString("object"u8, "file"u8);
        json.WriteBoolean("deleted"u8, true);
        json.WriteString("id"u8, id);
        json.WriteEndObject();
    }

    private static void WriteData<T>(
        Utf8JsonWriter json,
        IReadOnlyList<T> items,
        Action<Utf8JsonWriter, T> write,
        Func<T, string> idOf,
        bool hasMore)
    {
        json.WriteStartArray("data"u8);
        foreach (T item in items)
        {
            write(json, item);
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, hasMore);
        json.WriteString("first_id"u8, items.Count == 0 ? null : idOf(items[0]));
        json.WriteString("last_id"u8, items.Count == 0 ? null : idOf(items[^1]));
    }

    private static void Write(Utf8JsonWriter json, MessageBatchObject b)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, b.Id);
        json.WriteString("type"u8, "message_batch"u8);
        json.WriteString("processing_status"u8, b.Status);
        json.WriteStartObject("request_counts"u8);
        json.WriteNumber("processing"u8, b.Processing);
        json.WriteNumber("succeeded"u8, b.Succeeded);
        json.WriteNumber("errored"u8, b.Errored);
        json.WriteNumber("canceled"u8, b.Canceled);
        json.WriteNumber("expired"u8, b.Expired);
        json.WriteEndObject();
        json.WriteString("ended_at"u8, Rfc3339(b.EndedMs));
        json.WriteString("created_at"u8, Rfc3339(b.CreatedMs));
        json.WriteString("expires_at"u8, Rfc3339(b.ExpiresMs));
        json.WriteString("archived_at"u8, Rfc3339(b.ArchivedMs));
        json.WriteString("cancel_initiated_at"u8, Rfc3339(b.CancelMs));
        json.WriteString("results_url"u8, b.ResultsUrl);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, OpenAiBatchObject b)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, b.Id);
        json.WriteString("object"u8, "batch"u8);
        json.WriteString("endpoint"u8, b.Endpoint);
        json.WriteString("model"u8, b.Model);
        WriteErrors(json, b.Errors);
        json.WriteString("input_file_id"u8, b.InputFile);
        json.WriteString("completion_window"u8, "24h"u8);
        json.WriteString("status"u8, b.Status);
        json.WriteString("output_file_id"u8, b.OutputFile);
        json.WriteString("error_file_id"u8, b.ErrorFile);
        WriteTime(json, "created_at", b.CreatedAt);
        WriteTime(json, "in_progress_at", b.InProgressAt);
        WriteTime(json, "expires_at", b.ExpiresAt);
        WriteTime(json, "finalizing_at", b.FinalizingAt);
        WriteTime(json, "completed_at", b.CompletedAt);
        WriteTime(json, "failed_at", b.FailedAt);
        WriteTime(json, "expired_at", b.ExpiredAt);
        WriteTime(json, "cancelling_at", b.CancellingAt);
        WriteTime(json, "cancelled_at", b.CancelledAt);
        json.WriteStartObject("request_counts"u8);
        json.WriteNumber("total"u8, b.Total);
        json.WriteNumber("completed"u8, b.Completed);
        json.WriteNumber("failed"u8, b.Failed);
        json.WriteEndObject();
        WriteUsage(json, b);
        WriteMetadata(json, b.Metadata);
        json.WriteEndObject();
    }

    private static void WriteErrors(
        Utf8JsonWriter json, IReadOnlyList<(string Code, string Message, string? Param, int? Line)> errors)
    {
        if (errors.Count == 0)
        {
            json.WriteNull("errors"u8);
            return;
        }

        json.WriteStartObject("errors"u8);
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        foreach ((string code, string message, string? param, int? line) in errors)
        {
            json.WriteStartObject();
            json.WriteString("code"u8, code);
            json.WriteString("message"u8, message);
            json.WriteString("param"u8, param);
            WriteTime(json, "line", line);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteUsage(Utf8JsonWriter json, OpenAiBatchObject b)
    {
        json.WriteStartObject("usage"u8);
        json.WriteNumber("input_tokens"u8, b.InputTokens);
        json.WriteNumber("output_tokens"u8, b.OutputTokens);
        json.WriteNumber("total_tokens"u8, b.InputTokens + b.OutputTokens);
        json.WriteStartObject("input_tokens_details"u8);
        json.WriteNumber("cached_tokens"u8, b.CachedTokens);
        json.WriteEndObject();
        json.WriteStartObject("output_tokens_details"u8);
        json.WriteNumber("reasoning_tokens"u8, 0);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is null)
        {
            json.WriteNull("metadata"u8);
            return;
        }

        json.WriteStartObject("metadata"u8);
        foreach ((string key, string value) in metadata)
        {
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, FileObject f)
    {
        json.WriteStartObject();
        json.WriteString("object"u8, "file"u8);
        json.WriteString("id"u8, f.Id);
        json.WriteString("purpose"u8, f.Purpose);
        json.WriteString("filename"u8, f.Name);
        json.WriteNumber("bytes"u8, f.Bytes);
        json.WriteNumber("created_at"u8, f.CreatedAt);
        json.WriteNumber("expires_at"u8, f.ExpiresAt);
        json.WriteString("status"u8, "processed"u8);
        json.WriteNull("status_details"u8);
        json.WriteEndObject();
    }

    private static void WriteTime(Utf8JsonWriter json, string name, long? seconds)
    {
        if (seconds is { } at)
        {
            json.WriteNumber(name, at);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static string? Rfc3339(long? ms) => ms is { } at
        ? DateTimeOffset.FromUnixTimeMilliseconds(at)
            .ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)
        : null;
}
