using System.Buffers;
using System.Globalization;
using System.Text;
using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols.Batches;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Forebay.Gateway.Batches;

/// <summary>OpenAI's files, as far as batches need them.</summary>
internal sealed class FileSurface(IBatchDesk desk, Uploads uploads)
{
    /// <summary>Largest file.</summary>
    public const long MaxBytes = 209_715_200;

    private const long MaxEnvelopeBytes = 64 * 1024;
    private const int MaxFieldBytes = 1024;
    private const int MaxNameChars = 255;
    private const int ReadBytes = 256 * 1024;

    public async Task<Failure> CreateAsync(Exchange x)
    {
        if (!MediaTypeHeaderValue.TryParse(x.Http.Request.ContentType, out MediaTypeHeaderValue? type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary).ToString() is not { Length: > 0 and <= 128 } boundary)
        {
            return new Failure(
                Reason.BadRequest, "The body must be multipart/form-data with the fields purpose and file.", "file");
        }

        return await uploads.TakeAsync(
            x, MaxBytes + MaxEnvelopeBytes, (body, cancel) => CreateAsync(x, body, boundary, cancel));
    }

    public async Task<Failure> ListAsync(Exchange x)
    {
        IQueryCollection query = x.Http.Request.Query;
        Failure failure = BatchQuery.ReadLimit(query, 10_000, 10_000, out int limit);
        string order = BatchQuery.Text(query, "order") ?? "desc";
        failure = failure.IsNone && order is not ("asc" or "desc")
            ? new Failure(Reason.BadRequest, "order: asc or desc is expected.", "order")
            : failure;
        if (!failure.IsNone)
        {
            return failure;
        }

        BatchPage<StoredFile> page = await desk.ListFilesAsync(
            BatchHandler.CallerOf(x), BatchQuery.Text(query, "purpose"),
            new BatchRange(limit, BatchQuery.Text(query, "after"), OldestFirst: order == "asc"), x.Http.RequestAborted);
        var json = new ArrayBufferWriter<byte>(1024);
        BatchObjects.WritePage(json, [.. page.Items.Select(ObjectOf)], page.HasMore);
        return await BatchHandler.SendAsync(x, json);
    }

    public async Task<Failure> ShowAsync(Exchange x, string id) =>
        await SendAsync(x, await desk.FindFileAsync(BatchHandler.CallerOf(x), id, x.Http.RequestAborted));

    public async Task<Failure> DeleteAsync(Exchange x, string id)
    {
        await desk.DeleteFileAsync(BatchHandler.CallerOf(x), id, x.Http.RequestAborted);
        var json = new ArrayBufferWriter<byte>(128);
        BatchObjects.WriteFileDeleted(json, id);
        return await BatchHandler.SendAsync(x, json);
    }

    public async Task<Failure> ContentAsync(Exchange x, string id)
    {
        (StoredFile file, IContentReader content) = await desk.OpenFileAsync(
            BatchHandler.CallerOf(x), id, x.Http.RequestAborted);
        using (content)
        {
            x.Http.Response.ContentType = "application/octet-stream";
            x.Http.Response.ContentLength = file.Bytes;
            if (!HttpMethods.IsHead(x.Http.Request.Method))
            {
                await MessageBatchSurface.StreamAsync(x, content, static _ => true, lines: false);
            }
        }

        return Failure.None;
    }

    private async Task<Failure> CreateAsync(Exchange x, Stream body, string boundary, CancellationToken cancel)
    {
        using IFileDraft draft = await desk.DraftFileAsync(BatchHandler.CallerOf(x), cancel);
        var form = new Form();
        var reader = new MultipartReader(boundary, body) { BodyLengthLimit = MaxBytes + MaxEnvelopeBytes };
        try
        {
            while (await reader.ReadNextSectionAsync(cancel) is { } section)
            {
                Failure failure = await TakeAsync(section, form, draft, cancel);
                if (!failure.IsNone)
                {
                    return failure;
                }
            }
        }
        catch (IOException)
        {
            return new Failure(
                Reason.BadRequest, "The body ends before its last part does, or is no multipart body.", "file");
        }

        Failure missing = form.Check();
        return missing.IsNone
            ? await SendAsync(x, await draft.CommitAsync(form.Name!, form.KeepSeconds, cancel))
            : missing;
    }

    private static async Task<Failure> TakeAsync(
        MultipartSection section, Form form, IFileDraft draft, CancellationToken cancel)
    {
        if (!ContentDispositionHeaderValue.TryParse(
            section.ContentDisposition, out ContentDispositionHeaderValue? disposition))
        {
            return new Failure(Reason.BadRequest, "A part of the body has no name.", null);
        }

        string field = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
        if (field != "file")
        {
            string? text = await ReadTextAsync(section.Body, cancel);
            return text is null
                ? new Failure(Reason.BadRequest, $"{Short(field)}: is too long.", Short(field))
                : form.Take(field, text);
        }

        if (form.Name is not null)
        {
            return new Failure(Reason.BadRequest, "file: send one file.", "file");
        }

        string name = (disposition.FileNameStar.HasValue ? disposition.FileNameStar
            : HeaderUtilities.RemoveQuotes(disposition.FileName)).ToString();
        form.Name = Clean(name);
        return await ReadFileAsync(section.Body, draft, cancel);
    }

    private static async Task<Failure> ReadFileAsync(Stream body, IFileDraft draft, CancellationToken cancel)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            long total = 0;
            int read;
            while ((read = await body.ReadAsync(buffer, cancel)) > 0)
            {
                total += read;
                if (total > MaxBytes)
                {
                    return new Failure(
                        Reason.BodyTooLarge, $"The file is larger than {MaxBytes:N0} bytes. Split it.", "file");
                }

                await LongWork.ElsewhereAsync();
                draft.Append(buffer.AsSpan(0, read));
            }

            return total == 0
                ? new Failure(Reason.BadRequest, "file: the file is empty.", "file")
                : Failure.None;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }

    private static async Task<string?> ReadTextAsync(Stream body, CancellationToken cancel)
    {
        byte[] text = new byte[MaxFieldBytes + 1];
        int length = await body.ReadAtLeastAsync(text, text.Length, throwOnEndOfStream: false, cancel);
        return length > MaxFieldBytes ? null : Encoding.UTF8.GetString(text, 0, length);
    }

    private static string Short(string text) => text.Length <= 64 ? text : text[..64] + "...";

    /// <summary>A name is shown and never a path; what cannot be shown goes.</summary>
    private static string Clean(string name)
    {
        string last = name[(name.LastIndexOfAny(['/', '\\']) + 1)..];
        string shown = string.Concat(last.Where(c => !char.IsControl(c)));
        return shown.Length == 0 ? "file" : shown.Length <= MaxNameChars ? shown : shown[..MaxNameChars];
    }

    private static async Task<Failure> SendAsync(Exchange x, StoredFile file)
    {
        var json = new ArrayBufferWriter<byte>(512);
        BatchObjects.Write(json, ObjectOf(file));
        return await BatchHandler.SendAsync(x, json);
    }

    private static FileObject ObjectOf(StoredFile f) =>
        new(f.Id, f.Name, f.Purpose, f.Bytes, f.CreatedUnixMs / 1000, f.ExpiresUnixMs / 1000);

    /// <summary>The fields beside the file.</summary>
    private sealed class Form
    {
        private string? _purpose;
        private string? _anchor;
        private string? _seconds;

        public string? Name { get; set; }

        public long? KeepSeconds { get; private set; }

        public Failure Take(string field, string text)
        {
            switch (field)
            {
                case "purpose" when text != StoredFile.BatchPurpose:
                    return new Failure(
                        Reason.BadRequest, $"'{Short(text)}' is not one of ['batch'] - 'purpose'", "purpose");
                case "purpose":
                    _purpose = text;
                    return Failure.None;
                case "expires_after[anchor]":
                    _anchor = text;
                    return Failure.None;
                case "expires_after[seconds]":
                    _seconds = text;
                    return Failure.None;
                default:
                    return new Failure(Reason.BadRequest, $"{Short(field)}: is not known here.", Short(field));
            }
        }

        public Failure Check()
        {
            if (_purpose is null || Name is null)
            {
                string missing = _purpose is null ? "purpose" : "file";
                return new Failure(Reason.BadRequest, $"Missing required parameter: '{missing}'.", missing);
            }

            if (_anchor is null && _seconds is null)
            {
                return Failure.None;
            }

            if (_anchor != "created_at"
                || !long.TryParse(_seconds, NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
                || seconds is < FileExpiry.LeastSeconds or > FileExpiry.MostSeconds)
            {
                return new Failure(
                    Reason.BadRequest,
                    $"expires_after: anchor must be created_at, and seconds {FileExpiry.LeastSeconds} to "
                    + $"{FileExpiry.MostSeconds}.", "expires_after");
            }

            KeepSeconds = seconds;
            return Failure.None;
        }
    }
}
