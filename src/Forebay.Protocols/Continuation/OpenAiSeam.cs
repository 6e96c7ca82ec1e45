using System.Buffers;
using Forebay.Protocols.Json;

namespace Forebay.Protocols.Continuation;

/// <summary>The seam of an OpenAI stream: one chunk that says who speaks, and the id, time, model and fingerprint of
/// the first chunk in all of them.</summary>
internal sealed class OpenAiSeam(
    AnswerSoFar soFar, StreamObserver last, ContinuedUsage usage, ReadOnlyMemory<byte> whiteSpace)
    : StreamSeam(soFar, last, usage, whiteSpace)
{
    /// <summary>The client had been sent a chunk when the seam began.</summary>
    private readonly bool _hadStart = soFar.Started;

    private protected override void TakeOne(ReadOnlySpan<byte> ev, in SseEvent fields, IBufferWriter<byte> output)
    {
        var cursor = new JsonCursor(ev[..fields.Data.End], fields.Data.Start);
        if (cursor.Peek() != JsonKind.Object)
        {
            output.Write(ev);
            return;
        }

        ChunkEvent chunk = ChunkEvent.Read(ref cursor);
        if (_hadStart)
        {
            if (chunk.IsRoleAlone)
            {
                return;
            }

            if (chunk.Text.Length > 0 && !TakeText(ev, chunk))
            {
                return;
            }

            Keep(chunk.Id, SoFar.Head.Id);
            Keep(chunk.Created, SoFar.Head.Created);
            Keep(chunk.Model, SoFar.Head.Model);
            Keep(chunk.Fingerprint, SoFar.Head.Fingerprint);
        }

        if (chunk.HasUsage)
        {
            UsageEdits.OpenAi(ev, chunk.Usage, Usage.Of(Last.Usage), Edits);
        }

        Edits.Write(ev, output);
    }

    /// <summary>Leaves out what the client has; false where nothing is left to say.</summary>
    private bool TakeText(ReadOnlySpan<byte> ev, in ChunkEvent chunk)
    {
        ReadOnlySpan<byte> raw = chunk.Text.Raw(ev);
        ReadOnlySpan<byte> unseen = Unseen(raw);
        if (IsTorn || (unseen.IsEmpty && !chunk.HasStopped && !chunk.HasUsage && chunk.Bar == ContinuationBar.None))
        {
            return false;
        }

        if (!chunk.Role.IsEmpty && chunk.Bar == ContinuationBar.None)
        {
            // Who speaks was said before.
            Edits.Replace(chunk.Delta, [.. "{\"content\":\""u8, .. unseen, .. "\"}"u8]);
        }
        else if (unseen.Length != raw.Length)
        {
            Edits.Replace(new ByteRange(chunk.Text.Start, chunk.Text.Length), unseen);
        }

        return true;
    }

    private void Keep(ByteRange at, byte[] first)
    {
        if (!at.IsEmpty && first.Length > 0)
        {
            Edits.Replace(at, first);
        }
    }
}
