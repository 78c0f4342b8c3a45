#:project ../src/Evenkeel/Evenkeel.csproj
#:sdk Microsoft.NET.Sdk.Web
#:property PublishAot=false
// A web service that serves predictions to many callers at once, and asks itself as fast as it can.
// Prints: requests per second
using System.Diagnostics;
using Evenkeel;
using Evenkeel.Data;
using Evenkeel.Losses;
using Evenkeel.Nn;
using Evenkeel.Optim;
using Evenkeel.Training;

var model = new Sequential(new Linear(2, 64, bias: false), new BatchNorm1d(64), new ReLU(), new Linear(64, 2));
model.Initialize(Init.KaimingNormal, seed: 1);
new Trainer(model, new Adam(model.Parameters(), 1e-2), new CrossEntropyLoss(), new TrainerOptions { Epochs = 5 })
    .Fit(Synthetic.Moons(2000, seed: 1), Synthetic.Moons(500, seed: 2));

WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
await using WebApplication app = builder.Build();
// Predict may be called by any number of threads on one model. One thread per request leaves the cores to the callers.
app.MapPost("/predict", (float[] asked) =>
{
    using IDisposable alone = Compute.UseThreads(1);
    return model.Predict(Tensor.From(asked, [1, 2])).Softmax(1).ToArray<float>();
});
await app.StartAsync();

using var client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
float[] point = [1, 0.5f];
const int Callers = 8, Requests = 500;
var clock = Stopwatch.StartNew();
await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(async () =>
{
    for (int i = 0; i < Requests; i++)
        (await client.PostAsJsonAsync("/predict", point)).EnsureSuccessStatusCode();
})));
Console.WriteLine($"{Callers} callers: {Callers * Requests / clock.Elapsed.TotalSeconds:N0} requests per second");
