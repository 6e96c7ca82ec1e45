using System.Text;

namespace Forebay.Protocols.Bedrock;

/// <summary>Writes a request as it is hashed (AWS Signature Version 4, "Create a canonical request").</summary>
internal ref struct CanonicalRequest(in SigningRequest request, SignedHeaders added)
{
    /// <summary>Most headers signed without renting room for their order.</summary>
    private const int FewHeaders = 16;

    private const int AddedHeaders = 3;

    private readonly SigningRequest _request = request;
    private readonly SignedHeaders _added = added;

    /// <summary>Writes all of it, and the names of the signed headers a second time to where they are wanted.</summary>
    public readonly void Write(SigningText text, SigningText names)
    {
        text.Add(_request.Method);
        text.Add((byte)'\n');
        WritePath(text);
        text.Add((byte)'\n');
        if (!string.IsNullOrEmpty(_request.Query))
        {
            WriteQuery(text, _request.Query);
        }

        text.Add((byte)'\n');
        WriteHeaders(text, names);
        text.Add((byte)'\n');
        text.Add(names.Written);
        text.Add((byte)'\n');
        text.AddHex(_request.PayloadHash);
    }

    private readonly void WritePath(SigningText text)
    {
        string path = _request.Path.Length == 0 ? "/" : _request.Path;
        if (_request.KeepsPath)
        {
            text.Add(path);
            return;
        }

        if (!_request.KeepsDots
            && (path.Contains("/.", StringComparison.Ordinal) || path.Contains("//", StringComparison.Ordinal)))
        {
            path = Resolved(path);
        }

        Span<byte> few = stackalloc byte[512];
        int longest = Encoding.UTF8.GetMaxByteCount(path.Length);
        Span<byte> utf8 = longest <= few.Length ? few : new byte[longest];
        text.AddEncoded(utf8[..Encoding.UTF8.GetBytes(path, utf8)], keepSlash: true);
    }

    /// <summary>The path without empty and dot segments (RFC 3986, section 5.2.4).</summary>
    private static string Resolved(string path)
    {
        var kept = new List<string>();
        string[] segments = path.Split('/');
        foreach (string segment in segments)
        {
            if (segment == "..")
            {
                kept.RemoveRange(Math.Max(0, kept.Count - 1), Math.Min(1, kept.Count));
            }
            else if (segment is not ("" or "."))
            {
                kept.Add(segment);
            }
        }

        bool endsOpen = kept.Count > 0 && segments[^1] is "" or "." or "..";
        return '/' + string.Join('/', kept) + (endsOpen && kept.Count > 0 ? "/" : "");
    }

    private static void WriteQuery(SigningText text, string query)
    {
        var parameters = new List<(string Name, string Value)>();
        foreach (string parameter in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = parameter.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? parameter : parameter[..equals];
            string value = equals < 0 ? "" : parameter[(equals + 1)..];
            parameters.Add((Encoded(name), Encoded(value)));
        }

        parameters.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name) is not 0 and int order
            ? order
            : string.CompareOrdinal(a.Value, b.Value));
        for (int i = 0; i < parameters.Count; i++)
        {
            text.Add(i > 0 ? "&"u8 : []);
            text.Add(parameters[i].Name);
            text.Add((byte)'=');
            text.Add(parameters[i].Value);
        }
    }

    private static string Encoded(string text)
    {
        var encoded = new SigningText();
        encoded.AddEncoded(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(text)), keepSlash: false);
        return Encoding.ASCII.GetString(encoded.Written);
    }

    private readonly void WriteHeaders(SigningText text, SigningText names)
    {
        int count = _request.Headers.Length + AddedHeaders;
        Span<int> order = count <= FewHeaders ? stackalloc int[FewHeaders] : new int[count];
        int used = 0;
        for (int i = 0; i < count; i++)
        {
            if (At(i).Value is not null)
            {
                Insert(order, used++, i);
            }
        }

        string last = "";
        for (int i = 0; i < used; i++)
        {
            SigningHeader header = At(order[i]);
            if (string.Equals(header.Name, last, StringComparison.OrdinalIgnoreCase))
            {
                text.Add((byte)',');
            }
            else
            {
                text.Add(i > 0 ? "\n"u8 : []);
                text.AddLower(header.Name);
                text.Add((byte)':');
                names.Add(i > 0 ? ";"u8 : []);
                names.AddLower(header.Name);
            }

            last = header.Name;
            text.AddTrimmed(header.Value);
        }

        text.Add((byte)'\n');
    }

    /// <summary>Puts a header behind those whose names come before its own, and behind its namesakes.</summary>
    private readonly void Insert(Span<int> order, int used, int header)
    {
        int at = used;
        string name = At(header).Name;
        while (at > 0 && ComesAfter(At(order[at - 1]).Name, name))
        {
            order[at] = order[at - 1];
            at--;
        }

        order[at] = header;
    }

    private static bool ComesAfter(string one, string other)
    {
        int common = Math.Min(one.Length, other.Length);
        for (int i = 0; i < common; i++)
        {
            int difference = char.ToLowerInvariant(one[i]) - char.ToLowerInvariant(other[i]);
            if (difference != 0)
            {
                return difference > 0;
            }
        }

        return one.Length > other.Length;
    }

    private readonly SigningHeader At(int index) => (index - _request.Headers.Length) switch
    {
        0 => new SigningHeader("x-amz-date", _added.Date),
        1 => new SigningHeader("x-amz-security-token", (_request.LeavesTokenUnsigned ? null : _added.SecurityToken)!),
        2 => new SigningHeader("x-amz-content-sha256", _added.ContentSha256!),
        _ => _request.Headers[index],
    };
}
