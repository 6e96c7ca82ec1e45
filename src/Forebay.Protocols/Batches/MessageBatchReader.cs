using System.Text.Json;

namespace Forebay.Protocols.Batches;

/// <summary>What the reader of a batch came to.</summary>
public enum MessageBatchStep : byte
{
    /// <summary>More bytes are needed; those from the consumed ones on must be given again.</summary>
    NeedMore,

    /// <summary>One of the requests is there, whole.</summary>
    Request,

    /// <summary>The body is at its end.</summary>
    End,
}

/// <summary>
/// Takes the body of <c>POST /v1/messages/batches</c> apart as it comes: one request after the other, whatever the
/// length of the whole. Only the one in hand has to be in memory. A request that has not come whole is looked at again
/// from its start: hand over twice as much each time, and the cost stays linear.
/// </summary>
public sealed class MessageBatchReader
{
    private const int MaxDepth = 72;

    private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = MaxDepth });
    private bool _inRequests;
    private bool _seen;

    /// <summary>Goes on.</summary>
    /// <param name="bytes">What has not been consumed.</param>
    /// <param name="isFinal">Nothing follows.</param>
    /// <param name="consumed">How many of the bytes are done with.</param>
    /// <param name="request">Where in the bytes the request is.</param>
    /// <exception cref="JsonException">It is not JSON, or not a batch; the message says why.</exception>
    public MessageBatchStep Read(ReadOnlySpan<byte> bytes, bool isFinal, out int consumed, out ByteRange request)
    {
        var reader = new Utf8JsonReader(bytes, isFinal, _state);
        request = default;
        while (true)
        {
            JsonReaderState before = reader.CurrentState;
            consumed = (int)reader.BytesConsumed;
            if (!reader.Read())
            {
                _state = before;
                return isFinal ? AtEnd() : MessageBatchStep.NeedMore;
            }

            if (_inRequests && reader.TokenType != JsonTokenType.EndArray)
            {
                int start = (int)reader.TokenStartIndex;
                if (!reader.TrySkip())
                {
                    _state = before;
                    return MessageBatchStep.NeedMore;
                }

                consumed = (int)reader.BytesConsumed;
                request = new ByteRange(start, consumed - start);
                _state = reader.CurrentState;
                return MessageBatchStep.Request;
            }

            Take(ref reader);
        }
    }

    private MessageBatchStep AtEnd() => _seen
        ? MessageBatchStep.End
        : throw new JsonException("requests: Field required");

    private void Take(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject when reader.CurrentDepth == 0:
            case JsonTokenType.EndObject:
                return;
            case JsonTokenType.EndArray:
                _inRequests = false;
                return;
            case JsonTokenType.StartArray when reader.CurrentDepth == 1 && _seen:
                _inRequests = true;
                return;
            case JsonTokenType.PropertyName when !reader.ValueTextEquals("requests"u8):
                string name = reader.GetString() ?? "";
                throw new JsonException($"{(name.Length <= 64 ? name : name[..64])}: Extra inputs are not permitted");
            case JsonTokenType.PropertyName when _seen:
                throw new JsonException("requests: stands in the body twice; send it once");
            case JsonTokenType.PropertyName:
                _seen = true;
                return;
            default:
                throw new JsonException(_seen
                    ? "requests: Input should be a valid list"
                    : "The body should be a JSON object with the field requests");
        }
    }
}
