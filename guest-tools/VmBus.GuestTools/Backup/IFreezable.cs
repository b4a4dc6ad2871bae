namespace VmBus.GuestTools.Backup;

/// <summary>An open file system. Calls return 0 or negative errno and write to no file.</summary>
internal interface IFreezable : IDisposable
{
    /// <summary>Writes out what is not on disk yet and holds writers back.</summary>
    int Freeze();

    /// <summary>Lets writers go on.</summary>
    int Thaw();
}
