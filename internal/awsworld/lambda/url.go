package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/aws/aws-lambda-go/events"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// URLRequest is a signed HTTP request to a function URL of the type AWS_IAM.
type URLRequest struct {
	Function string // ARN
	Method   string
	Body     string
}

// URLResponse is what comes back.
type URLResponse struct {
	Status int
	Body   string
}

// PutURL gives a function an address. Only AWS_IAM is simulated: an address that
// is open to everybody has no place in dbferry.
func (s *Service) PutURL(arn, authType string) error {
	f := s.functions[arn]
	switch {
	case f == nil:
		return fmt.Errorf("function URL: there is no function %s", arn)
	case authType != "AWS_IAM":
		return invalid("function URL of %s: the type %s is not simulated", arn, authType)
	}
	f.hasURL = true
	return nil
}

// Request sends a signed request to a function URL. An error says that it did
// not come to an answer; whoever is not allowed gets 403, as a browser would.
func (s *Service) Request(ctx context.Context, caller awsworld.Caller, r URLRequest) (URLResponse, error) {
	out, err := service.Call[URLResponse](ctx, s.w, caller, serviceID, "InvokeFunctionUrl", &r)
	if _, denied := awsworld.IsDenied(err); denied {
		return URLResponse{Status: http.StatusForbidden, Body: `{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}`}, nil
	}
	if err != nil {
		return URLResponse{}, err
	}
	return *out, nil
}

// urlOp asks for both permissions that new function URLs want since October 2025.
func (s *Service) urlOp() awsworld.Op {
	op := awsworld.On(serviceID, "InvokeFunctionUrl", "lambda:InvokeFunctionUrl", s.request)
	op.Internal = true
	op.Resources = func(c *awsworld.Call) []awsworld.Resource {
		arn := awsworld.Input[URLRequest](c).Function
		r := awsworld.Resource{ARN: arn, Owner: service.AccountOf(arn)}
		if f := s.functions[arn]; f != nil {
			r.Policy, r.Context = f.policy, service.TagContext(f.Tags)
		}
		also := r
		also.Action = "lambda:InvokeFunction"
		return []awsworld.Resource{r, also}
	}
	op.ConditionKeys = func(*awsworld.Call) map[string][]string {
		return map[string][]string{"lambda:FunctionUrlAuthType": {"AWS_IAM"}, "lambda:InvokedViaFunctionUrl": {"true"}}
	}
	op.Source = "Lambda guide, \"Control access to Lambda function URLs\", \"Invoking Lambda function URLs\" (payload format 2.0)"
	op.Differs = "headers, cookies and query are not passed; the type NONE is refused by name"
	return op
}

func (s *Service) request(c *awsworld.Call, in *URLRequest) (*URLResponse, error) {
	f := s.functions[in.Function]
	if f == nil || !f.hasURL {
		return &URLResponse{Status: http.StatusNotFound, Body: `{"Message":null}`}, nil
	}
	p := c.Caller.Principal
	who := p.Session
	if who == "" {
		who = p.ARN
	}
	req := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: "/", Body: in.Body}
	req.RequestContext.HTTP.Method, req.RequestContext.AccountID = in.Method, p.Account
	req.RequestContext.Authorizer = &events.LambdaFunctionURLRequestContextAuthorizerDescription{
		IAM: &events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{AccountID: p.Account, UserARN: who}}
	raw, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	payload, failed, err := s.run(c.Ctx, f, raw)
	if err != nil {
		return nil, err
	}
	if failed {
		return &URLResponse{Status: http.StatusBadGateway, Body: "Internal Server Error"}, nil
	}
	var out events.LambdaFunctionURLResponse
	if err := json.Unmarshal(payload, &out); err != nil || out.StatusCode == 0 {
		return &URLResponse{Status: http.StatusOK, Body: string(payload)}, nil
	}
	return &URLResponse{Status: out.StatusCode, Body: out.Body}, nil
}
