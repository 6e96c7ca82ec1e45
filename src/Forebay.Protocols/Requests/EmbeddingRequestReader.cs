using System.Text.Unicode;
using Forebay.Protocols.Json;
using Forebay.Protocols.Prompts;

namespace Forebay.Protocols;

/// <summary>What one forward pass over an embeddings request found.</summary>
/// <param name="Request">The model, and the estimated tokens of all inputs together.</param>
/// <param name="Items">How many texts are to be embedded.</param>
/// <param name="LargestInputTokens">Estimated tokens of the longest of them: each must fit into the model's context by
/// itself.</param>
public readonly record struct EmbeddingFacts(RequestFacts Request, int Items, long LargestInputTokens);

/// <summary>
/// Reads what the gateway must know of an embeddings request (<c>POST /v1/embeddings</c>) in one forward pass, and
/// refuses what no upstream takes. Tokens that come as numbers are counted, texts estimated as everywhere.
/// </summary>
public static class EmbeddingRequestReader
{
    /// <summary>Most texts in one request.</summary>
    public const int MaxItems = 2048;

    /// <summary>Reads a body; cost is linear in its length.</summary>
    /// <param name="body">The whole body, decoded. A UTF-8 byte order mark is skipped.</param>
    /// <param name="facts">What was found; meaningful only on success.</param>
    /// <param name="problem">Why the body was refused, when it was.</param>
    public static bool TryRead(ReadOnlySpan<byte> body, out EmbeddingFacts facts, out RequestProblem problem)
    {
        facts = default;
        if (!Utf8.IsValid(body))
        {
            problem = new RequestProblem("The request body is not valid UTF-8: send JSON encoded in UTF-8.", null);
            return false;
        }

        var pass = new Pass(body);
        bool good = pass.Read();
        problem = pass.Problem;
        facts = new EmbeddingFacts(
            new RequestFacts
            {
                Dialect = WireDialect.OpenAi,
                Model = pass.Model,
                ModelValue = pass.ModelValue,
                ModelMember = pass.ModelMember,
                MaxTokens = 0,
                MessageCount = pass.Items,
                EstimatedInputTokens = pass.Tokens,
                ObjectStart = pass.ObjectStart,
                UserId = pass.User,
            },
            pass.Items,
            pass.Largest);
        return good;
    }

    private ref struct Pass(ReadOnlySpan<byte> body)
    {
        public RequestProblem Problem;
        public string Model = "";
        public string? User;
        public ByteRange ModelValue;
        public ByteRange ModelMember;
        public int Items;
        public int ObjectStart;
        public long Tokens;
        public long Largest;

        private readonly ReadOnlySpan<byte> _body = body;
        private JsonCursor _cursor = new(body, RequestReader.ByteOrderMarkLength(body));
        private bool _hasInput;

        public bool Read()
        {
            JsonKind root = _cursor.Peek();
            if (root is not (JsonKind.Object or JsonKind.None))
            {
                return Refuse(null, $"The request body must be a JSON object (found {root.Named()}).");
            }

            Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
            bool first = true;
            bool entered = _cursor.Enter();
            ObjectStart = _cursor.Position;
            while (entered && _cursor.NextMember(ref first, out JsonString name))
            {
                if (!ReadMember(name.Keyword(_body, scratch)))
                {
                    return NotJsonOr(good: false);
                }

                if (ModelMember.IsEmpty && !ModelValue.IsEmpty)
                {
                    ModelMember = ByteRange.Between(name.Token.Start, ModelValue.End);
                }
            }

            if (!NotJsonOr(_cursor.AtEnd()))
            {
                return false;
            }

            return Model.Length == 0 ? Refuse("model", "model: is required; name the model to call.")
                : _hasInput || Refuse("input", "input: is required; send a text, or an array of texts or of tokens.");
        }

        private bool ReadMember(scoped ReadOnlySpan<byte> name)
        {
            if (name.SequenceEqual("model"u8))
            {
                return Model.Length == 0 ? ReadModel() : Refuse("model", "model: stands more than once; send it once.");
            }

            if (name.SequenceEqual("input"u8))
            {
                return _hasInput ? Refuse("input", "input: stands more than once; send it once.") : ReadInput();
            }

            if (name.SequenceEqual("encoding_format"u8))
            {
                return ReadFormat();
            }

            if (name.SequenceEqual("dimensions"u8))
            {
                return ReadDimensions();
            }

            if (name.SequenceEqual("user"u8) && _cursor.Peek() == JsonKind.String)
            {
                bool read = _cursor.ReadString(out JsonString user);
                User = read && JsonText.TryGetString(_body, user, out string text) ? text : null;
                return read;
            }

            return _cursor.Skip();
        }

        private bool ReadModel()
        {
            JsonKind kind = _cursor.Peek();
            if (kind != JsonKind.String)
            {
                return Wrong("model", "a string", kind);
            }

            if (!_cursor.ReadString(out JsonString token))
            {
                return false;
            }

            ModelValue = token.Token;
            return token.TextLength is > 0 and <= RequestReader.MaxModelBytes
                && JsonText.TryGetString(_body, token, out Model)
                || Refuse("model", $"model: must be 1 to {RequestReader.MaxModelBytes} bytes of text");
        }

        private bool ReadFormat()
        {
            JsonKind kind = _cursor.Peek();
            if (kind != JsonKind.String)
            {
                return kind == JsonKind.Null ? _cursor.Skip() : Wrong("encoding_format", "float or base64", kind);
            }

            Span<byte> scratch = stackalloc byte[RequestFields.LongestName];
            bool read = _cursor.ReadString(out JsonString token);
            ReadOnlySpan<byte> word = read ? token.Keyword(_body, scratch) : default;
            return word.SequenceEqual("float"u8)
                || word.SequenceEqual("base64"u8)
                || (read && Refuse("encoding_format", "encoding_format: must be float or base64"));
        }

        private bool ReadDimensions()
        {
            JsonKind kind = _cursor.Peek();
            if (kind != JsonKind.Number)
            {
                return kind == JsonKind.Null
                    ? _cursor.Skip()
                    : Wrong("dimensions", "a whole number of at least 1", kind);
            }

            bool read = _cursor.ReadValue(out ByteRange number);
            return read && ((JsonText.TryGetWhole(number.Of(_body), out long dimensions) && dimensions >= 1)
                || Refuse("dimensions", "dimensions: must be a whole number of at least 1"));
        }

        /// <summary>A text, texts, tokens or lists of tokens: what the first element is, all must be.</summary>
        private bool ReadInput()
        {
            _hasInput = true;
            JsonKind kind = _cursor.Peek();
            if (kind == JsonKind.String)
            {
                return ReadText();
            }

            if (kind != JsonKind.Array)
            {
                return Wrong("input", "a text, or an array of texts or of tokens", kind);
            }

            long tokens = 0;
            JsonKind element = JsonKind.None;
            bool first = true;
            for (_ = _cursor.Enter(); _cursor.NextElement(ref first);)
            {
                kind = _cursor.Peek();
                element = element == JsonKind.None ? kind : element;
                if (kind != element || kind is not (JsonKind.String or JsonKind.Number or JsonKind.Array))
                {
                    return Wrong("input", "an array of texts alone, or of tokens alone", kind);
                }

                bool read = kind switch
                {
                    JsonKind.String => ReadText(),
                    JsonKind.Number => ReadToken(ref tokens),
                    _ => ReadTokens(),
                };
                if (!read)
                {
                    return false;
                }
            }

            if (element == JsonKind.Number)
            {
                Add(tokens);
            }

            return !_cursor.Failed
                && (Items is > 0 and <= MaxItems
                    || Refuse("input", $"input: must hold 1 to {MaxItems} texts (found {Items})"));
        }

        private bool ReadTokens()
        {
            long tokens = 0;
            bool first = true;
            for (_ = _cursor.Enter(); _cursor.NextElement(ref first);)
            {
                JsonKind kind = _cursor.Peek();
                if (kind != JsonKind.Number)
                {
                    return Wrong("input", "an array of texts alone, or of tokens alone", kind);
                }

                if (!ReadToken(ref tokens))
                {
                    return false;
                }
            }

            if (tokens == 0 && !_cursor.Failed)
            {
                return Refuse("input", "input: a list of tokens is empty");
            }

            Add(tokens);
            return !_cursor.Failed;
        }

        private bool ReadToken(ref long tokens)
        {
            tokens++;
            bool read = _cursor.ReadValue(out ByteRange number);
            return read && ((JsonText.TryGetWhole(number.Of(_body), out long token) && token >= 0)
                || Refuse("input", "input: a token must be a whole number of at least 0"));
        }

        private bool ReadText()
        {
            if (!_cursor.ReadString(out JsonString text))
            {
                return false;
            }

            if (text.TextLength == 0)
            {
                return Refuse("input", "input: a text to embed must not be empty");
            }

            Add((text.TextLength + TokenEstimate.TextBytesPerToken - 1) / TokenEstimate.TextBytesPerToken);
            return true;
        }

        private void Add(long tokens)
        {
            Items++;
            Tokens += tokens;
            Largest = Math.Max(Largest, tokens);
        }

        private bool Refuse(string? param, string message)
        {
            Problem = new RequestProblem(message, param);
            return false;
        }

        /// <summary>Where no value starts at all the body is not JSON, which is said better elsewhere.</summary>
        private bool Wrong(string name, string expected, JsonKind found) => found == JsonKind.None
            ? _cursor.Skip()
            : Refuse(name, $"{name}: must be {expected} (found {found.Named()})");

        private bool NotJsonOr(bool good)
        {
            JsonFault fault = _cursor.Fault;
            return fault == JsonFault.None
                ? good
                : Refuse(null, $"The request body is not valid JSON: {fault.Sentence()} at byte {_cursor.FaultAt}.");
        }
    }
}
