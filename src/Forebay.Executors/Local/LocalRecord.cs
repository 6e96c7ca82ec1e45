using System.Text.Json;
using System.Text.Json.Serialization;

namespace Forebay.Executors.Local;

/// <summary>What is kept of the last generation of a work; written before anything is started.</summary>
internal sealed record LocalRecord
{
    public required string Id { get; init; }

    public required long Generation { get; init; }

    /// <summary>Random; in the environment of every process of the generation, which proves whose it is.</summary>
    public required string Token { get; init; }

    /// <summary>The machine's boot: no process outlives it.</summary>
    public required string Boot { get; init; }

    public required Dictionary<string, int> Ports { get; init; }

    public required int LogBytes { get; init; }

    public required string Program { get; init; }

    public required long StartedUnixMs { get; init; }

    /// <summary>When it was asked to end; null when it was not.</summary>
    public long? StopUnixMs { get; set; }

    /// <summary>It was killed past its grace.</summary>
    public bool Forced { get; set; }

    /// <summary>Nothing of it is left: it was looked for after its leader had gone without a word.</summary>
    public bool Gone { get; set; }

    /// <summary>Why it was never begun, where that is so for good.</summary>
    public string? NeverBegun { get; set; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LocalRecord))]
internal sealed partial class LocalRecordJson : JsonSerializerContext;

/// <summary>The files of one work in the executor's folder.</summary>
internal sealed class WorkFolder(string root, string id)
{
    public string Path { get; } = System.IO.Path.Combine(root, id);

    /// <summary>Where the work runs unless it says otherwise.</summary>
    public string Run => System.IO.Path.Combine(Path, "run");

    private string Record => System.IO.Path.Combine(Path, "work.json");

    /// <summary>Made by the process itself, once, by its kernel's exclusive creation: whoever makes it is the
    /// generation. Holds the process's line of <c>/proc</c>.</summary>
    public string Claim(long generation) => System.IO.Path.Combine(Path, $"{generation}.pid");

    /// <summary>Holds the exit code, once there is one.</summary>
    public string Exit(long generation) => System.IO.Path.Combine(Path, $"{generation}.exit");

    public string Log(long generation) => System.IO.Path.Combine(Path, $"{generation}.log");

    /// <summary>The part of the log before what is in <see cref="Log"/>.</summary>
    public string OlderLog(long generation) => System.IO.Path.Combine(Path, $"{generation}.log.1");

    public LocalRecord? Read()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(Record), LocalRecordJson.Default.LocalRecord);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException e)
        {
            throw new IOException($"{Record} is damaged ({e.Message}). End what runs of it by hand and remove it.", e);
        }
    }

    /// <summary>Replaces the record in one step; on disk when this returns.</summary>
    public void Write(LocalRecord record)
    {
        PrivateFolder.Create(Path);
        PrivateFolder.Create(Run);
        string temporary = Record + ".tmp";
        using (var file = new FileStream(temporary, FileMode.Create))
        {
            JsonSerializer.Serialize(file, record, LocalRecordJson.Default.LocalRecord);
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, Record, overwrite: true);
    }

    /// <summary>Removes what is left of generations before one.</summary>
    public void RemoveBefore(long generation)
    {
        foreach (string file in Directory.EnumerateFiles(Path))
        {
            string name = System.IO.Path.GetFileName(file);
            if (long.TryParse(name.AsSpan(0, Math.Max(0, name.IndexOf('.'))), out long of) && of < generation)
            {
                File.Delete(file);
            }
        }
    }
}
