namespace Evenkeel.Examination;

/// <summary>A rule that looks at the weights and the statistics of a network, and runs nothing.</summary>
public abstract class FileRule : DoctorRule
{
    /// <summary>Looks at a network and adds what it finds.</summary>
    /// <param name="network">The network.</param>
    /// <param name="findings">Takes findings, and what could not be checked.</param>
    public abstract void Check(ExaminedNetwork network, FindingSink findings);
}
