#:project ../src/Evenkeel/Evenkeel.csproj
// A layer of your own is plain mathematics. Its gradient is automatic; GradientCheck compares it with differences.
// Prints: passed: max relative error
using Evenkeel;
using Evenkeel.Nn;
using Evenkeel.Random;

var model = new Sequential(new Linear(8, 16), new Swish(16), new Linear(16, 3));
model.Initialize(Init.XavierNormal, seed: 1);
Console.WriteLine(model.Summary([32, 8]));

// In Float64 differences are exact enough to compare with; Float32 is for training and use.
Tensor x = Tensor.RandomNormal([4, 8], new Philox(2)), wide = x.To(DType.Float64);
model.To(DType.Float64);
Console.WriteLine(GradientCheck.Parameters(tape => model.Forward(tape.Input(wide)).Square().Sum(), model.Parameters()));
model.To(DType.Float32);
Console.WriteLine(model.Predict(x));

/// <summary>y = x·sigmoid(slope·x), with one slope per feature that is learned; a slope of 1 is SiLU.</summary>
public sealed class Swish : Module
{
    public Swish(int features) => Slope = Register("slope", Tensor.Ones([features]));

    public Parameter Slope { get; }

    protected override Tensor ForwardCore(Tensor x) => x * (x * Slope).Sigmoid();
}
