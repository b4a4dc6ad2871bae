namespace VmBus.Storage.Scsi.Commands;

/// <summary>Answers at an address without a logical unit, so that a guest that scans finds nothing there.</summary>
/// <remarks>Source: SPC-4, 6.4.2 and 6.33.</remarks>
internal static class AbsentUnit
{
    private const int InquiryBytes = 36;

    internal static void Execute(ScsiTargetQueue queue, ScsiRequest request)
    {
        ReadOnlySpan<byte> cdb = request.Cdb;
        switch (cdb[0])
        {
            case ScsiOpcode.Inquiry when (cdb[1] & 0x01) != 0 || cdb[2] != 0
                || (request.Direction == ScsiDirection.Write && request.Data.Bytes > 0):
                Fail(request, SenseCode.InvalidFieldInCdb);
                break;
            case ScsiOpcode.Inquiry:
                Span<byte> reply = queue.Reply.AsSpan(0, InquiryBytes);
                reply.Clear();
                // Peripheral qualifier 3, type 1F: nothing can be there. Failing instead makes Linux see a disk of zero bytes.
                reply[0] = 0x7F;
                reply[2] = 0x05;
                reply[3] = 0x02;
                reply[4] = InquiryBytes - 5;
                request.Transferred = request.Data.CopyFrom(reply[..Math.Min(InquiryBytes, (cdb[3] << 8) | cdb[4])]);
                break;
            case ScsiOpcode.ReportLuns:
                SenseCode problem = BasicCommands.TryReportLuns(queue, request, out int bytes);
                if (problem != SenseCode.None) Fail(request, problem);
                else request.Transferred = bytes;
                break;
            default:
                request.NoSuchUnit = true;
                Fail(request, SenseCode.UnitNotSupported);
                break;
        }
    }

    private static void Fail(ScsiRequest request, SenseCode sense)
    {
        sense.Write(request.Sense);
        request.Status = ScsiStatus.CheckCondition;
    }
}
