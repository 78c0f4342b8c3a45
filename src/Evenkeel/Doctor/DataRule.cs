namespace Evenkeel.Examination;

/// <summary>A rule that runs the network on samples. It leaves the network as it is.</summary>
public abstract class DataRule : DoctorRule
{
    /// <summary>Looks at a network and its data, and adds what it finds.</summary>
    /// <param name="examination">The network, the data, and what is measured over them.</param>
    /// <param name="findings">Takes findings, and what could not be checked.</param>
    public abstract void Check(DataExamination examination, FindingSink findings);
}
