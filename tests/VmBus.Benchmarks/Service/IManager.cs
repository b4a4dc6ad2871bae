namespace VmBus.Benchmarks.Service;

/// <summary>A daemon that keeps definitions of virtual machines, with the command line that asks it.</summary>
internal interface IManager : IDisposable
{
    /// <summary>Column of the table.</summary>
    string Name { get; }

    /// <summary>The daemon's process.</summary>
    int Process { get; }

    /// <summary>Runs its command line once: the words that list all machines.</summary>
    void List();

    /// <summary>Runs its command line once: the words that print one definition.</summary>
    void Definition(string name);

    /// <summary>Asks for one machine's state so many times over one connection.</summary>
    void AskMany(string name, int times);

    /// <summary>Defines a machine, and removes the definition, by two runs of the command line.</summary>
    void DefineAndUndefine(string name);
}
