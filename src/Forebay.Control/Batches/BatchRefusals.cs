using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Forebay.Core.Limits;

namespace Forebay.Control.Batches;

/// <summary>The words of refusals.</summary>
internal static class BatchRefusals
{
    public static BatchRefusedException NoSuchBatch(string id) => new(
        Reason.NoSuchObject, $"No batch '{Short(id)}' is known here. Check the id; results are removed in time.", "id");

    public static BatchRefusedException NoSuchFile(string id) =>
        new(Reason.NoSuchObject, $"No such File object: {Short(id)}", "id");

    public static BatchRefusedException Disk(string what, Exception e) => new(
        Reason.StorageUnavailable, $"{what} could not be stored: the server's disk refused it. Nothing of it was kept; "
        + "try again later.", null, e);

    public static BatchRefusedException Damaged(string id, Exception e) => new(
        Reason.StorageUnavailable, $"What is stored of {id} cannot be read. Ask the operator.", null, e)
    {
        ShouldRetry = false,
    };

    public static BatchRefusedException Unrecorded(Exception e) => new(
        Reason.StorageUnavailable, "The audit log cannot be written, so nothing was changed; try again later.", null,
        e);

    public static BatchRefusedException TooManyItems(TierConfig tier, int queued, int more) => new(
        Reason.LimitBatchQueue,
        $"This tenant may have {tier.MaxBatchRequests:N0} items of batches that have not been answered "
        + $"(tier {tier.Id}); {queued:N0} it has, and this batch holds {more:N0} more. Make it smaller, or "
        + "try again when others have ended.");

    public static BatchRefusedException TooManyBytes(long most, long stored) => new(
        Reason.LimitBatchQueue,
        $"This tenant may have {most:N0} bytes of batches and files stored, and has {stored:N0} without this. Delete "
        + "files and batches that are not needed any more.")
    {
        ShouldRetry = false,
    };

    public static BatchRefusedException TooManyFiles(int most) => new(
        Reason.LimitBatchQueue,
        $"This tenant may have {most:N0} files, and has them. Delete some that are not needed any more.")
    {
        ShouldRetry = false,
    };

    private static string Short(string id) => id.Length <= 80 ? id : id[..80] + "...";
}
