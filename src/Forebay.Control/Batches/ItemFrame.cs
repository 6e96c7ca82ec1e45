using System.Buffers.Binary;
using System.Text;
using Forebay.Core.Batches;

namespace Forebay.Control.Batches;

/// <summary>An item as it is stored: the lengths and texts of its name and its model, then its body.</summary>
internal static class ItemFrame
{
    public static byte[] Write(in BatchItem item)
    {
        int id = Encoding.UTF8.GetByteCount(item.CustomId);
        int model = Encoding.UTF8.GetByteCount(item.Model);
        byte[] frame = new byte[4 + id + model + item.Body.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(frame, checked((ushort)id));
        BinaryPrimitives.WriteUInt16LittleEndian(frame.AsSpan(2), checked((ushort)model));
        Encoding.UTF8.GetBytes(item.CustomId, frame.AsSpan(4));
        Encoding.UTF8.GetBytes(item.Model, frame.AsSpan(4 + id));
        item.Body.Span.CopyTo(frame.AsSpan(4 + id + model));
        return frame;
    }

    /// <exception cref="InvalidDataException">It is no such frame.</exception>
    public static BatchItem Read(byte[] frame)
    {
        int id = frame.Length < 4 ? int.MaxValue : BinaryPrimitives.ReadUInt16LittleEndian(frame);
        int model = frame.Length < 4 ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(frame.AsSpan(2));
        return (long)4 + id + model > frame.Length
            ? throw new InvalidDataException("A stored item is shorter than it says.")
            : new BatchItem(
                Encoding.UTF8.GetString(frame, 4, id),
                Encoding.UTF8.GetString(frame, 4 + id, model),
                frame.AsMemory(4 + id + model));
    }
}
