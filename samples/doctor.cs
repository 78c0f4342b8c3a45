#:project ../src/Evenkeel/Evenkeel.csproj
// What is wrong with a network: findings as data, with a number and a remedy, and a rule of your own.
//   dotnet run samples/doctor.cs
// Prints: EK107
using Evenkeel;
using Evenkeel.Examination;
using Evenkeel.Nn;
using Evenkeel.Random;

var model = new Sequential(
    new Conv2d(3, 16, 3, padding: 1, bias: false), new BatchNorm2d(16), new ReLU(),
    new Conv2d(16, 32, 3, padding: 1), new BatchNorm2d(32), new ReLU(),
    new AdaptiveAvgPool2d(1), new Flatten(), new Linear(32, 2));
model.Initialize(Init.KaimingNormal, seed: 1);

// A training, in short, after which a filter has collapsed.
var tape = new Tape(Mode.Train);
for (int i = 0; i < 100; i++) model.Forward(tape.Input(Tensor.RandomNormal([16, 3, 8, 8], new Philox((ulong)i))));
((Conv2d)model[0]).Weight.Value.AsSpan<float>()[..27].Fill(1e-7f);

var options = new DoctorOptions { Rules = [new LargeGamma()], Disabled = new HashSet<string> { "EK124" } };
Diagnosis diagnosis = Doctor.Examine(model, options);
Console.WriteLine(diagnosis.Verdict);
foreach (Finding finding in diagnosis.Findings)
    Console.WriteLine($"{finding.Rule} in {finding.Layer}: {finding.Message} {finding.Remedy}");

/// <summary>A rule of your own: the same shape as the built-in ones.</summary>
internal sealed class LargeGamma : FileRule
{
    public override string Id => "OWN1";
    public override string Title => "large gamma";
    public override double Bound => 10;

    public override void Check(ExaminedNetwork network, FindingSink findings)
    {
        foreach (ExaminedNorm norm in network.Norms)
            if (norm.Gamma is { } gamma && gamma.Max() is var largest && largest > findings.Bound)
                findings.Add(FindingLevel.Warning, norm.Name, [], largest, $"gamma is {largest}.", "Decay it.");
    }
}
