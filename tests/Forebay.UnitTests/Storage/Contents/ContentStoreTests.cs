using System.Security.Cryptography;
using System.Text;
using Forebay.Core.Batches;
using Forebay.Storage;
using Forebay.Storage.Contents;
using Xunit;

namespace Forebay.UnitTests.Storage.Contents;

public sealed class ContentStoreTests : IDisposable
{
    private static readonly ContentName Name = new("acme", ContentKind.File, "file-1");
    private static readonly ContentName Log = new("acme", ContentKind.Log, "batch_1");

    private readonly TempFolder _folder = new();
    private readonly ContentStore _store;

    public ContentStoreTests() => _store = Open(1);

    [Fact]
    public void What_is_committed_is_read_back_and_not_to_be_found_on_the_disk()
    {
        byte[] secret = Encoding.UTF8.GetBytes("the prompt of a tenant, in the clear");
        using (IContentWriter writer = _store.Create(Name))
        {
            writer.Append(Head(0), secret);
            writer.Append(Head(1), []);
            writer.Append(Head(2), new byte[100_000]);
            Assert.Null(_store.Open(Name));
            writer.Commit();
        }

        using IContentReader reader = _store.Open(Name)!;
        long position = 0;
        Assert.True(reader.TryRead(ref position, out FrameHead head, out byte[] content));
        Assert.Equal((Head(0), secret.AsSpan().SequenceEqual(content)), (head, true));
        long second = position;
        Assert.True(reader.TryRead(ref position, out _, out content));
        Assert.Empty(content);
        Assert.True(reader.TryRead(ref position, out head, out content));
        Assert.Equal((2, 100_000), (head.Item, content.Length));
        Assert.False(reader.TryRead(ref position, out _, out _));
        Assert.True(reader.TryRead(ref second, out head, out _));
        Assert.Equal(1, head.Item);
        Assert.All(Files(), f => Assert.True(File.ReadAllBytes(f).AsSpan().IndexOf(secret) < 0));
    }

    [Fact]
    public void What_is_not_committed_leaves_nothing()
    {
        using (IContentWriter writer = _store.Create(Name))
        {
            writer.Append(Head(0), new byte[10]);
        }

        Assert.Empty(Files());
    }

    [Fact]
    public void Neither_another_tenant_nor_another_name_nor_another_key_reads_it()
    {
        Write(Name, [1, 2, 3]);
        string path = Assert.Single(Files());
        File.Copy(path, path.Replace("file-1", "file-2", StringComparison.Ordinal));

        Assert.Throws<InvalidDataException>(() => ReadOne(_store, Name with { Tenant = "globex" }));
        Assert.Throws<InvalidDataException>(() => ReadOne(_store, Name with { Id = "file-2" }));
        using ContentStore other = Open(2);
        Assert.Throws<InvalidDataException>(() => ReadOne(other, Name));
        Assert.Equal([1, 2, 3], ReadOne(_store, Name));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("")]
    [InlineData("a/b")]
    public void A_name_leads_nowhere_else(string id) =>
        Assert.Throws<ArgumentException>(() => _store.Open(Name with { Id = id }));

    [Fact]
    public void A_bit_that_changes_anywhere_is_noticed()
    {
        Write(Name, [1, 2, 3], [4]);
        string path = Assert.Single(Files());
        byte[] good = File.ReadAllBytes(path);
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= 0x10;
            File.WriteAllBytes(path, bad);
            Assert.Throws<InvalidDataException>(() => ReadAll(_store, Name));
        }

        File.WriteAllBytes(path, good);
        Assert.Equal(2, ReadAll(_store, Name).Count);
    }

    [Fact]
    public void A_log_that_was_cut_anywhere_is_whole_up_to_its_last_frame_and_goes_on()
    {
        using (IContentLog log = _store.OpenLog(Log, _ => Assert.Fail("It is new.")))
        {
            log.Append(Head(0), [1]);
            log.Append(Head(1), [2, 2]);
            log.Append(Head(2), [3, 3, 3]);
        }

        string path = Assert.Single(Files());
        byte[] whole = File.ReadAllBytes(path);
        int header = whole.Length - 3 * SealedFormat.FrameBytes - 6;
        int[] ends = [header, header + SealedFormat.FrameBytes + 1, header + 2 * SealedFormat.FrameBytes + 3, whole.Length];
        for (int length = header; length <= whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            int frames = ends.Count(e => e <= length) - 1;
            var found = new List<int>();
            using (IContentLog log = _store.OpenLog(Log, head => found.Add(head.Item)))
            {
                log.Append(Head(9), [9]);
            }

            Assert.Equal(Enumerable.Range(0, frames), found);
            Assert.Equal([.. Enumerable.Range(0, frames), 9], ReadAll(_store, Log).Select(f => f.Head.Item));
        }
    }

    [Fact]
    public async Task Many_threads_append_whole_frames()
    {
        using (IContentLog log = _store.OpenLog(Log, _ => { }))
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(t => Task.Run(async () =>
            {
                for (int i = 0; i < 50; i++)
                {
                    log.Append(Head(t * 50 + i), BitConverter.GetBytes(t * 50 + i));
                    await log.SyncAsync();
                }
            })));
        }

        List<(FrameHead Head, byte[] Content)> all = ReadAll(_store, Log);
        Assert.Equal(Enumerable.Range(0, 400), all.Select(f => f.Head.Item).Order());
        Assert.All(all, f => Assert.Equal(f.Head.Item, BitConverter.ToInt32(f.Content)));
    }

    [Fact]
    public void What_nobody_knows_is_swept_away()
    {
        Write(Name, [1]);
        Write(Name with { Id = "file-2" }, [1]);
        File.WriteAllText(Assert.Single(Files(), f => f.Contains("file-1", StringComparison.Ordinal)) + ".partial", "x");

        Assert.Equal(1, _store.Sweep((_, id) => id == "file-1"));

        Assert.EndsWith("file-1.fbc", Assert.Single(Files()), StringComparison.Ordinal);
        Assert.Equal([1], ReadOne(_store, Name));
    }

    [Fact]
    public void Files_are_their_owners_alone()
    {
        Write(Name, [1]);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Assert.Single(Files())));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("zz00000000000000000000000000000000000000000000000000000000000000")]
    public void What_is_no_key_is_told_without_showing_it(string text)
    {
        var problem = Assert.Throws<StorageException>(() => ContentKey.Parse(text));
        Assert.True(text.Length == 0 || !problem.Message.Contains(text, StringComparison.Ordinal));
    }

    [Fact]
    public void A_key_may_be_hex_or_base64()
    {
        byte[] key = RandomNumberGenerator.GetBytes(ContentKey.Bytes);
        using ContentKey hex = ContentKey.Parse(Convert.ToHexString(key) + "\n");
        using ContentKey base64 = ContentKey.Parse(Convert.ToBase64String(key));
        Assert.Equal(hex.Fingerprint, base64.Fingerprint);
        Assert.NotEqual(hex.Fingerprint, key[..ContentKey.FingerprintBytes]);
    }

    public void Dispose()
    {
        _store.Dispose();
        _folder.Dispose();
    }

    private static FrameHead Head(int item) => new(
        FrameKind.Settled, item, 7, ItemOutcome.Errored, (UInt128)item << 90, new BatchTokens(item, 2, long.MaxValue));

    private ContentStore Open(byte seed) => ContentStore.Open(
        _folder.Of("contents"), ContentKey.Parse(Convert.ToHexString(Enumerable.Repeat(seed, 32).ToArray())));

    private string[] Files() => Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories);

    private void Write(ContentName name, params byte[][] frames)
    {
        using IContentWriter writer = _store.Create(name);
        for (int i = 0; i < frames.Length; i++)
        {
            writer.Append(Head(i), frames[i]);
        }

        writer.Commit();
    }

    private static byte[] ReadOne(ContentStore store, ContentName name) => Assert.Single(ReadAll(store, name)).Content;

    private static List<(FrameHead Head, byte[] Content)> ReadAll(ContentStore store, ContentName name)
    {
        using IContentReader reader = store.Open(name)!;
        var frames = new List<(FrameHead Head, byte[] Content)>();
        long position = 0;
        while (reader.TryRead(ref position, out FrameHead head, out byte[] content))
        {
            frames.Add((head, content));
        }

        return frames;
    }
}
