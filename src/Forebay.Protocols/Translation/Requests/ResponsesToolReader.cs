using Forebay.Protocols.Json;
using Fields = Forebay.Protocols.Translation.ResponsesFields;

namespace Forebay.Protocols.Translation;

/// <summary>Reads the tools of a Responses request, and the choice among them. Tools of a namespace get one name, which
/// is told back to whom it is translated for.</summary>
internal readonly struct ResponsesToolReader(RequestScan scan, CanonicalRequest request)
{
    /// <summary>Between a namespace and a tool's name: every dialect takes it in names.</summary>
    public static ReadOnlySpan<byte> Separator => "__"u8;

    public void Read(ByteRange value)
    {
        ReadTools(value, default);
        if (scan.NamespacedTools.Count > 0)
        {
            CheckNames();
        }
    }

    public void ReadChoice(ByteRange value)
    {
        if (scan.IsString(value))
        {
            request.ToolChoice = scan.Is(value, "auto"u8) ? ToolChoice.Auto
                : scan.Is(value, "required"u8) ? ToolChoice.Any
                : scan.Is(value, "none"u8) ? ToolChoice.None
                : ToolChoice.Unsaid;
            if (request.ToolChoice == ToolChoice.Unsaid)
            {
                scan.Refuse("tool_choice", "is not known here; send auto, required, none or a function");
            }

            return;
        }

        ByteRange type = default;
        ByteRange name = default;
        int mark = scan.Mark();
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        for (bool entered = scan.IsObject(value) && cursor.Enter();
            entered && scan.Next(ref cursor, Fields.ToolChoice, ref first, out Meaning meaning);)
        {
            if (cursor.ReadValue(out ByteRange member))
            {
                type = meaning == Meaning.Kind ? member : type;
                name = meaning == Meaning.Name ? scan.Inner(member) : name;
            }
        }

        if (scan.Takes(Fields.ToolChoiceKind, type, mark, out _))
        {
            request.ToolChoice = ToolChoice.Named;
            request.ToolChoiceName = name;
        }
    }

    private void ReadTools(ByteRange value, ByteRange nameSpace)
    {
        JsonCursor cursor = scan.CursorAt(value);
        bool first = true;
        int index = 0;
        string path = nameSpace.IsEmpty ? "tools[]" : "tools[].tools[]";
        scan.Enter();
        for (bool entered = scan.IsArray(value) && cursor.Enter();
            entered && scan.NextObject(ref cursor, ref first, ref index, path, "must be an object");)
        {
            ReadTool(ref cursor, nameSpace);
        }

        scan.Leave();
    }

    private void ReadTool(ref JsonCursor cursor, ByteRange nameSpace)
    {
        ByteRange type = default;
        ByteRange inner = default;
        var tool = default(CanonicalTool);
        int mark = scan.Mark();
        bool first = true;
        for (_ = cursor.Enter(); scan.Next(ref cursor, Fields.Tool, ref first, out Meaning meaning);)
        {
            if (!cursor.ReadValue(out ByteRange member) || !scan.Has(member))
            {
                continue;
            }

            switch (meaning)
            {
                case Meaning.Kind:
                    type = member;
                    break;
                case Meaning.Name:
                    tool = tool with { Name = scan.Inner(member) };
                    break;
                case Meaning.Description:
                    tool = tool with { Description = scan.Inner(member) };
                    break;
                case Meaning.Schema:
                    tool = tool with { Schema = member };
                    break;
                case Meaning.Strict:
                    tool = tool with { Strict = member };
                    break;
                case Meaning.Tools:
                    inner = member;
                    break;
            }
        }

        if (!scan.Takes(Fields.ToolKind, type, mark, out Meaning kind))
        {
            return;
        }

        if (tool.Name.IsEmpty)
        {
            scan.Refuse("tools[].name", "is required and must be a string");
        }
        else if (kind != Meaning.NamespaceTools)
        {
            request.Tools.Add(nameSpace.IsEmpty ? tool : InNamespace(tool, nameSpace));
        }
        else if (nameSpace.IsEmpty)
        {
            ReadTools(inner, tool.Name);
        }
        else
        {
            scan.Refuse("tools[].tools[].type", "a namespace cannot hold a namespace; send its tools");
        }
    }

    private CanonicalTool InNamespace(CanonicalTool tool, ByteRange nameSpace)
    {
        ByteRange name = scan.Append(nameSpace, Separator, tool.Name);
        scan.NamespacedTools.Add(new NamespacedTool(
            name.Of(scan.Body).ToArray(), nameSpace.Of(scan.Body).ToArray(), tool.Name.Of(scan.Body).ToArray()));
        return tool with { Name = name };
    }

    /// <summary>Two tools must not come to the same name: a call could not say which.</summary>
    private void CheckNames()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (CanonicalTool tool in request.Tools)
        {
            if (!names.Add(System.Text.Encoding.UTF8.GetString(tool.Name.Of(scan.Body))))
            {
                scan.Refuse("tools", "two of the tools, with their namespaces, have the same name; rename one");
                return;
            }
        }
    }
}
